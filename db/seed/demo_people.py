"""Who buys in the demo shop, and where they live."""

from typing import NamedTuple


class Country(NamedTuple):
    """A country's customers: their share of all, how their postcodes and phones look, names, and cities with regions."""

    code: str
    share: int
    postcode: str
    phone: str
    locale: str
    street: str
    first_names: str
    last_names: str
    streets: str
    cities: str


# Postcodes and phones: # is a digit, @ a letter. A street is written by its pattern from its name and number.
COUNTRIES = (
    Country(
        "FR", 45, "{}###", "+33 6 ## ## ## ##", "fr", "{number} {street}",
        "Camille Léa Manon Chloé Inès Sarah Julie Claire Nadia Aminata Hélène Sophie Lucas Hugo Thomas Antoine Karim Mehdi Julien "
        "Nicolas Étienne François Baptiste Olivier Mathilde Yasmine",
        "Martin Bernard Dubois Petit Durand Leroy Moreau Laurent Lefèvre Garnier Faure Rousseau Blanchard Benali Diallo Nguyen "
        "Chevalier Renaud Perrin Mercier Lemoine Fontaine Barbier Traoré Haddad Marchand",
        "rue des Lilas|rue Victor Hugo|avenue Jean Jaurès|rue de la République|chemin des Vignes|place du Marché|rue Pasteur|"
        "boulevard Voltaire|rue des Tanneurs|allée des Tilleuls|impasse du Moulin|quai de Saône",
        "Paris,Île-de-France,75|Lyon,Auvergne-Rhône-Alpes,69|Marseille,Provence-Alpes-Côte d'Azur,13|Toulouse,Occitanie,31|"
        "Nantes,Pays de la Loire,44|Bordeaux,Nouvelle-Aquitaine,33|Lille,Hauts-de-France,59|Rennes,Bretagne,35|"
        "Strasbourg,Grand Est,67|Grenoble,Auvergne-Rhône-Alpes,38|Montpellier,Occitanie,34|Dijon,Bourgogne-Franche-Comté,21",
    ),
    Country(
        "DE", 13, "{}###", "+49 151 #######", "de", "{street} {number}",
        "Anna Lena Sophie Hannah Katharina Jana Ayşe Elif Julia Maximilian Paul Felix Jonas Lukas Emre Stefan Matthias "
        "Jürgen Sabine",
        "Müller Schmidt Schneider Fischer Weber Wagner Becker Hoffmann Schäfer Koch Bauer Richter Klein Wolf Schröder Yılmaz "
        "Krüger Vogel Brandt Winkler",
        "Lindenstraße|Hauptstraße|Gartenweg|Schillerstraße|Am Mühlbach|Kastanienallee|Bergstraße|Goethestraße|Rosenweg",
        "Berlin,Berlin,10|Hamburg,Hamburg,20|München,Bayern,80|Köln,Nordrhein-Westfalen,50|Frankfurt am Main,Hessen,60|"
        "Leipzig,Sachsen,04|Stuttgart,Baden-Württemberg,70|Freiburg,Baden-Württemberg,79",
    ),
    Country(
        "BE", 9, "{}##", "+32 47# ## ## ##", "fr", "{street} {number}",
        "Emma Louise Marie Fatima Elise Noor Arthur Louis Bram Wout Ruben Yassine Pieter Charlotte Lotte",
        "Peeters Janssens Maes Jacobs Mertens Willems Claes Dupont Lambert Simon Dumont Leclercq El Amrani De Smet Wouters",
        "rue Haute|avenue Louise|Kerkstraat|Stationsstraat|rue du Moulin|Nieuwstraat|chaussée d'Ixelles",
        "Bruxelles,Bruxelles-Capitale,10|Antwerpen,Antwerpen,20|Gent,Oost-Vlaanderen,90|Liège,Liège,40|Namur,Namur,50|"
        "Leuven,Vlaams-Brabant,30",
    ),
    Country(
        "ES", 8, "{}###", "+34 6## ### ###", "es", "{street}, {number}",
        "Ana Lucía María Carmen Paula Marta Sofía Elena Javier Carlos Pablo Diego Álvaro Sergio Miguel Nerea",
        "García Torres Martínez López Sánchez Pérez Gómez Fernández Ruiz Díaz Moreno Muñoz Álvarez Romero Navarro Serrano Iglesias",
        "Calle Mayor|Calle de Alcalá|Avenida de la Constitución|Calle San Juan|Passeig de Gràcia|Carrer de Mallorca|Calle Sierpes",
        "Madrid,Comunidad de Madrid,28|Barcelona,Cataluña,08|Valencia,Comunidad Valenciana,46|Sevilla,Andalucía,41|"
        "Bilbao,País Vasco,48|Málaga,Andalucía,29",
    ),
    Country(
        "IT", 6, "{}###", "+39 34# #######", "it", "{street}, {number}",
        "Giulia Chiara Francesca Martina Alessia Sara Marco Luca Matteo Andrea Davide Lorenzo Paola Silvia",
        "Rossi Russo Ferrari Esposito Bianchi Romano Colombo Ricci Marino Greco Bruno Gallo Conti De Luca Costa",
        "Via Roma|Via Garibaldi|Corso Italia|Via Dante|Piazza del Popolo|Via Mazzini|Viale dei Mille",
        "Milano,Lombardia,20|Roma,Lazio,00|Torino,Piemonte,10|Bologna,Emilia-Romagna,40|Firenze,Toscana,50|Napoli,Campania,80",
    ),
    Country(
        "NL", 5, "{}## @@", "+31 6 ########", "nl", "{street} {number}",
        "Sanne Lotte Femke Anouk Fleur Sem Daan Bas Jeroen Maarten Thijs Iris Mila Noah",
        "De Jong Jansen De Vries Bakker Visser Smit Meijer Mulder Bos Vos Hendriks Van Dijk Kaya Dekker",
        "Prinsengracht|Dorpsstraat|Molenweg|Kerkstraat|Wilhelminastraat|Lange Voorhout|Oudegracht",
        "Amsterdam,Noord-Holland,10|Rotterdam,Zuid-Holland,30|Utrecht,Utrecht,35|Den Haag,Zuid-Holland,25|Groningen,Groningen,97",
    ),
    Country(
        "CH", 4, "{}##", "+41 79 ### ## ##", "fr", "{street} {number}",
        "Laura Nina Céline Mélanie Selina Marc Reto Simon Fabian Beat Ursina Noé",
        "Meier Keller Favre Rochat Huber Gerber Baumann Frei Bianchi Jaquet Graf Widmer",
        "Bahnhofstrasse|rue du Rhône|Seestrasse|avenue de la Gare|Dorfstrasse|rue de Lausanne",
        "Zürich,Zürich,80|Genève,Genève,12|Lausanne,Vaud,10|Basel,Basel-Stadt,40|Bern,Bern,30",
    ),
    Country(
        "PT", 3, "{}##-###", "+351 91# ### ###", "pt", "{street} {number}",
        "Beatriz Mariana Inês Joana Rita Tiago João Pedro Rui Gonçalo Catarina Nuno",
        "Silva Santos Ferreira Pereira Oliveira Costa Rodrigues Almeida Carvalho Gonçalves Lopes Nascimento",
        "Rua Augusta|Avenida da Liberdade|Rua das Flores|Rua do Almada|Travessa do Carmo",
        "Lisboa,Lisboa,11|Porto,Porto,40|Braga,Braga,47|Coimbra,Coimbra,30",
    ),
    Country(
        "GB", 3, "{}# #@@", "+44 7### ######", "en", "{number} {street}",
        "Olivia Amelia Priya Grace Zainab Harriet Oliver James Callum Rhys Daniel Adeola Fiona Isla",
        "Smith Jones Taylor Patel Williams Brown Davies Evans Khan O'Connor Campbell Okafor Wright Hughes",
        "High Street|Station Road|Church Lane|Victoria Road|Mill Lane|Park Avenue|Queen's Road",
        "London,England,SW|Manchester,England,M|Edinburgh,Scotland,EH|Bristol,England,BS|Leeds,England,LS|Cardiff,Wales,CF",
    ),
    Country(
        "AT", 2, "{}##", "+43 664 #######", "de", "{street} {number}",
        "Verena Magdalena Theresa Lisa Florian Tobias Clemens Georg Katrin Petra",
        "Gruber Huber Steiner Moser Mayer Hofer Leitner Berger Eder Novak",
        "Mariahilfer Straße|Landstraße|Ringstraße|Kirchengasse|Am Graben",
        "Wien,Wien,10|Graz,Steiermark,80|Salzburg,Salzburg,50|Innsbruck,Tirol,60",
    ),
    Country(
        "SE", 1, "{}# ##", "+46 70 ### ## ##", "sv", "{street} {number}",
        "Åsa Elsa Maja Linnea Oskar Axel Björn Erik",
        "Andersson Johansson Lindqvist Nilsson Åkesson Bergström Öberg Sandström",
        "Drottninggatan|Storgatan|Kungsgatan|Västra Hamngatan",
        "Stockholm,Stockholm,11|Göteborg,Västra Götaland,41|Malmö,Skåne,21",
    ),
    Country(
        "PL", 1, "{}-###", "+48 60# ### ###", "pl", "{street} {number}",
        "Zofia Agnieszka Małgorzata Kasia Łukasz Paweł Michał Jakub",
        "Kowalska Nowak Wiśniewska Wójcik Kamińska Zieliński Szymański Dąbrowska",
        "ul. Długa|ul. Piotrkowska|ul. Floriańska|al. Jerozolimskie",
        "Warszawa,Mazowieckie,00|Kraków,Małopolskie,30|Wrocław,Dolnośląskie,50",
    ),
)  # fmt: skip

COMPANIES = [
    "Café Lumière", "Studio Kessler", "Hôtel des Arts", "Le Petit Comptoir", "Bureau Nord", "Trattoria Conti",
    "Atelier Fontaine", "Yoga Loft", "Maison d'hôtes La Source", "Coworking Canal", "Gasthof Linde", "Casa Azul",
    "Galerie Perrin", "Kaffeehaus Moser", "Salon Inès", "Praxis Weber", "The Corner Bakery", "Agence Pastel",
    "Weinbar Vogel", "Concept Store Minho",
]  # fmt: skip

CALLS = [
    "Asked when the parcel arrives",
    "Wants another delivery day",
    "Asked for an invoice with the company's name",
    "Praised the packaging",
    "Asked whether the mug is dishwasher-safe",
    "Reported a chipped plate",
    "Asked about trade prices",
    "Could not use the promotion code",
    "Wants to change the size",
    "Asked for the return label again",
]

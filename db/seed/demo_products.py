"""What the demo shop sells.

A shelf: path | brand | material | supplier | length x width x height in mm.
A product on it: title | SKU | price | cost | grams | pull (how often it sells, 0 never) | options | tags.
"""

# Name | country | days from the purchase order to the door.
SUPPLIERS = """
Atelier Brume | FR | 18
Verrerie du Lac | FR | 21
Casa Nordeste | PT | 28
Tessuti Martini | IT | 24
Nordic Wool Mill | DK | 30
Maison Verte | FR | 12
""".strip()

SHELVES = """
Kitchen > Mugs | Atelier Brume | stoneware | Atelier Brume | 120x90x95
  Stoneware mug | MUG | 14.90 | 4.10 | 380 | 14 | Colour: Blue, White, Sage, Terracotta | handmade, bestseller
  Espresso cup | CUP-ESPRESSO | 9.90 | 2.60 | 160 | 6 | Colour: Blue, White, Black | handmade
  Enamel camping mug | MUG-ENAMEL | 12.50 | 3.70 | 190 | 5 | Colour: Green, Cream, Red | outdoor
  Latte bowl | BOWL-LATTE | 13.90 | 3.90 | 420 | 4 | Colour: Blue, White | handmade
  Travel mug | MUG-TRAVEL | 24.90 | 9.80 | 340 | 6 | Colour: Black, Sage, Sand | to-go
Kitchen > Plates and bowls | Atelier Brume | stoneware | Atelier Brume | 280x280x40
  Dinner plate | PLATE-DINNER | 16.90 | 5.20 | 720 | 6 | Colour: Blue, White, Sage, Terracotta | handmade
  Dessert plate | PLATE-DESSERT | 12.90 | 3.90 | 410 | 5 | Colour: Blue, White, Sage, Terracotta | handmade
  Pasta bowl | BOWL-PASTA | 17.90 | 5.60 | 640 | 5 | Colour: Blue, White, Sage, Terracotta | handmade
  Soup bowl | BOWL-SOUP | 13.90 | 4.30 | 480 | 4 | Colour: Blue, White, Sage | handmade
  Salad bowl | BOWL-SALAD | 34.90 | 12.40 | 1350 | 3 | Size: Medium, Large | handmade
  Serving platter | PLATTER | 39.90 | 14.80 | 1500 | 2 | Colour: White, Blue | handmade
Kitchen > Glassware | Verrerie du Lac | glass | Verrerie du Lac | 110x110x240
  Glass carafe | CARAFE-GLASS | 29.90 | 9.90 | 900 | 9 | Size: 0.75 l, 1.2 l | gift
  Water tumblers, set of 4 | TUMBLER-SET4 | 27.90 | 9.20 | 1100 | 5 | Colour: Clear, Smoke, Green | summer
  Wine glasses, set of 2 | GLASS-WINE-SET2 | 26.90 | 9.60 | 520 | 4 | Kind: Red, White | gift
  Champagne coupes, set of 2 | COUPE-SET2 | 29.90 | 10.50 | 480 | 3 | | gift
  Storage jar | JAR | 8.90 | 2.40 | 450 | 5 | Size: 0.5 l, 1 l, 2 l | pantry
Kitchen > Cookware | Fernway | cast iron | Casa Nordeste | 320x250x150
  Cast iron casserole | COCOTTE | 119.00 | 52.00 | 4300 | 4 | Size: 20 cm, 24 cm, 28 cm; Colour: Red, Black | lifetime
  Frying pan | PAN-FRY | 49.90 | 19.50 | 1600 | 4 | Size: 20 cm, 24 cm, 28 cm | lifetime
  Saucepan | SAUCEPAN | 54.90 | 22.00 | 1400 | 3 | Size: 16 cm, 20 cm | lifetime
  Roasting tin | TIN-ROAST | 44.90 | 17.20 | 2100 | 2 | | christmas
  Wooden spoons, set of 3 | SPOONS-SET3 | 15.90 | 4.80 | 160 | 4 | | gift
  Chopping board | BOARD | 39.90 | 14.00 | 1500 | 4 | Size: Small, Large; Wood: Oak, Walnut | gift
  Pepper mill | MILL-PEPPER | 32.90 | 12.10 | 380 | 3 | Wood: Oak, Walnut | gift
  Teapot | TEAPOT | 42.90 | 15.90 | 950 | 4 | Colour: Blue, White, Black | handmade
  French press | PRESS | 36.90 | 13.90 | 780 | 4 | Size: 0.35 l, 1 l | coffee
Kitchen > Kitchen textiles | Tessuti Martini | linen | Tessuti Martini | 300x220x30
  Tea towel | TOWEL-TEA | 11.90 | 3.10 | 110 | 7 | Colour: Natural, Blue stripe, Rust | linen
  Linen apron | APRON | 39.90 | 14.20 | 320 | 4 | Colour: Natural, Navy, Sage, Rust | linen, gift
  Oven glove | GLOVE-OVEN | 17.90 | 5.40 | 190 | 3 | Colour: Natural, Navy, Rust | linen
  Linen tablecloth | CLOTH-LINEN | 79.90 | 31.50 | 780 | 3 | Size: 140x200, 160x260; Colour: White, Natural, Sage | linen
  Linen napkins, set of 4 | NAPKIN-SET4 | 34.90 | 12.60 | 240 | 4 | Colour: White, Natural, Sage, Rust | linen
Kitchen > Storage | Fernway | beech and steel | Casa Nordeste | 300x200x180
  Bread box | BOX-BREAD | 54.90 | 21.30 | 2300 | 2 | Colour: White, Black | pantry
  Spice rack | RACK-SPICE | 38.90 | 14.60 | 1100 | 2 | | pantry
  Storage basket | BASKET | 24.90 | 8.70 | 650 | 4 | Size: Small, Medium, Large | seagrass
  Lunch box | BOX-LUNCH | 27.90 | 10.20 | 480 | 5 | Colour: Sage, Sand, Navy | to-go
  Water bottle | BOTTLE | 26.90 | 9.40 | 330 | 7 | Colour: Black, Sage, Sand, Rust | to-go
Pantry > Tea | Maison Verte | organic tea | Maison Verte | 100x80x150
  Earl Grey tea | TEA-EARLGREY | 8.90 | 2.90 | 100 | 7 | Size: 100 g, 250 g | organic
  Sencha green tea | TEA-SENCHA | 10.90 | 3.80 | 100 | 5 | Size: 100 g, 250 g | organic
  Evening infusion | TEA-EVENING | 7.90 | 2.40 | 80 | 5 | Size: 80 g, 200 g | organic
  Chai blend | TEA-CHAI | 9.90 | 3.10 | 100 | 5 | Size: 100 g, 250 g | organic, winter
Pantry > Coffee | Maison Verte | organic coffee | Maison Verte | 120x80x200
  House espresso beans | COFFEE-HOUSE | 9.90 | 4.20 | 250 | 8 | Size: 250 g, 1 kg | organic, bestseller
  Filter coffee | COFFEE-FILTER | 9.50 | 4.00 | 250 | 5 | Size: 250 g, 1 kg | organic
  Decaf beans | COFFEE-DECAF | 10.50 | 4.60 | 250 | 3 | | organic
Pantry > Honey and jam | Maison Verte | organic fruit | Maison Verte | 80x80x100
  Lavender honey | HONEY-LAVENDER | 11.90 | 4.70 | 330 | 5 | Size: 250 g, 500 g | organic, gift
  Fig jam | JAM-FIG | 6.90 | 2.30 | 320 | 4 | | organic
  Salted caramel spread | SPREAD-CARAMEL | 7.90 | 2.60 | 320 | 5 | | gift
Living > Cushions | Tessuti Martini | linen | Tessuti Martini | 400x400x60
  Linen cushion cover | CUSHION-LINEN | 29.90 | 10.10 | 210 | 5 | Size: 40x40, 50x50; Colour: Natural, Sage, Rust, Navy | linen
  Velvet cushion | CUSHION-VELVET | 39.90 | 14.90 | 620 | 4 | Colour: Ochre, Forest, Plum, Rose | winter
  Cushion insert | INSERT | 12.90 | 4.20 | 480 | 4 | Size: 40x40, 50x50 | basics
Living > Throws | Nordic Wool Mill | lambswool | Nordic Wool Mill | 350x300x90
  Wool throw | THROW-WOOL | 89.90 | 38.00 | 980 | 5 | Colour: Grey, Ochre, Forest, Rust | winter, gift
  Cotton throw | THROW-COTTON | 54.90 | 20.50 | 850 | 3 | Colour: Natural, Blue, Rose | summer
  Mohair blanket | BLANKET-MOHAIR | 149.00 | 71.00 | 900 | 2 | Colour: Cream, Plum | winter, gift
Living > Candles | Maison Verte | soy wax | Maison Verte | 90x90x110
  Scented candle | CANDLE | 24.90 | 7.40 | 420 | 9 | Scent: Fig, Cedar, Orange blossom, Vetiver; Size: Small, Large | gift
  Beeswax candles, pair | CANDLE-BEESWAX | 16.90 | 6.20 | 260 | 4 | | winter
  Tealights, box of 24 | TEALIGHT-24 | 12.90 | 4.10 | 380 | 4 | | winter
  Candle holder | HOLDER-CANDLE | 18.90 | 6.30 | 350 | 4 | Finish: Brass, Black | gift
  Reed diffuser | DIFFUSER | 32.90 | 10.90 | 480 | 4 | Scent: Fig, Cedar, Vetiver | gift
Living > Vases | Atelier Brume | ceramic | Atelier Brume | 160x160x260
  Ceramic vase | VASE-CERAMIC | 39.90 | 13.80 | 1100 | 4 | Size: Small, Medium, Large | handmade
  Glass bud vase | VASE-BUD | 12.90 | 3.90 | 220 | 4 | Colour: Clear, Amber, Green | gift
  Dried flower bouquet | BOUQUET-DRIED | 29.90 | 11.50 | 240 | 3 | Colour: Natural, Rose | spring
Living > Lamps | Fernway | oak and paper | Casa Nordeste | 250x250x420
  Table lamp | LAMP-TABLE | 89.90 | 36.40 | 2100 | 3 | Colour: Oak, Black, White | winter
  Paper pendant | LAMP-PAPER | 49.90 | 16.70 | 520 | 3 | Size: 40 cm, 60 cm, 80 cm | basics
  Clip reading light | LAMP-CLIP | 29.90 | 10.60 | 310 | 3 | Colour: Brass, Black | basics
Living > Rugs | Tessuti Martini | jute | Casa Nordeste | 1200x200x200
  Jute rug | RUG-JUTE | 119.00 | 47.00 | 5200 | 2 | Size: 120x180, 160x230, 200x300 | oversized
  Wool rug | RUG-WOOL | 249.00 | 118.00 | 9800 | 1 | Size: 160x230, 200x300; Colour: Cream, Rust | oversized
Living > Frames and clocks | Fernway | oak | Casa Nordeste | 420x320x30
  Oak frame | FRAME-OAK | 24.90 | 8.60 | 700 | 4 | Size: A5, A4, A3, 50x70 | gift
  Wall clock | CLOCK-WALL | 59.90 | 23.80 | 900 | 2 | Colour: Oak, Black | gift
  Round mirror | MIRROR-ROUND | 99.00 | 41.00 | 4600 | 2 | Size: 50 cm, 80 cm | oversized
Bedroom > Bed linen | Tessuti Martini | washed linen | Tessuti Martini | 380x280x90
  Linen duvet cover | DUVET-LINEN | 149.00 | 61.00 | 1700 | 4 | Size: 140x200, 240x220; Colour: White, Natural, Sage, Rust | linen
  Cotton fitted sheet | SHEET-FITTED | 44.90 | 16.20 | 850 | 4 | Size: 90x200, 140x200, 160x200, 180x200 | basics
  Pillowcases, pair | PILLOWCASE-SET2 | 39.90 | 14.10 | 320 | 4 | Colour: White, Natural, Sage, Rust | linen
  Percale duvet cover | DUVET-PERCALE | 99.00 | 39.50 | 1450 | 3 | Size: 140x200, 200x200, 240x220 | basics
Bedroom > Pillows and duvets | Nordic Wool Mill | wool and down | Nordic Wool Mill | 500x400x200
  Down duvet | DUVET-DOWN | 189.00 | 88.00 | 1900 | 2 | Size: 140x200, 200x200, 240x220 | winter
  Memory pillow | PILLOW-MEMORY | 49.90 | 18.90 | 1200 | 3 | Height: Low, High | basics
  Wool duvet | DUVET-WOOL | 159.00 | 74.00 | 2100 | 0 | Size: 140x200, 240x220 | winter
Bathroom > Towels | Casa Nordeste | organic cotton | Casa Nordeste | 320x240x80
  Bath towel | TOWEL | 24.90 | 8.40 | 480 | 7 | Size: Hand, Bath, Beach; Colour: White, Sage, Navy, Clay | cotton
  Hammam towel | TOWEL-HAMMAM | 29.90 | 10.30 | 320 | 4 | Colour: Blue, Rose, Sand | summer
  Bath mat | MAT-BATH | 27.90 | 9.90 | 750 | 4 | Colour: White, Sage, Navy | cotton
  Waffle robe | ROBE-WAFFLE | 69.90 | 27.40 | 900 | 3 | Size: S, M, L, XL; Colour: White, Navy | gift
Bathroom > Soap and care | Maison Verte | olive oil | Maison Verte | 90x60x40
  Olive soap | SOAP-OLIVE | 5.90 | 1.60 | 110 | 8 | Scent: Plain, Lavender, Verbena | organic
  Hand wash | WASH-HAND | 14.90 | 4.60 | 560 | 6 | Scent: Fig, Verbena, Cedar | organic
  Bath salts | SALTS-BATH | 16.90 | 5.10 | 540 | 3 | Scent: Lavender, Eucalyptus | gift
  Body brush | BRUSH-BODY | 19.90 | 6.80 | 210 | 2 | | gift
  Solid shampoo | SHAMPOO-SOLID | 9.90 | 3.00 | 85 | 5 | For: Dry hair, All hair | organic
Bathroom > Accessories | Fernway | ceramic and teak | Casa Nordeste | 180x120x120
  Soap dish | DISH-SOAP | 11.90 | 3.60 | 240 | 4 | Colour: White, Black | basics
  Toothbrush holder | HOLDER-BRUSH | 13.90 | 4.20 | 310 | 3 | Colour: White, Black | basics
  Laundry basket | BASKET-LAUNDRY | 64.90 | 25.60 | 2400 | 2 | Colour: Natural, Grey | oversized
  Shower caddy | CADDY-SHOWER | 34.90 | 12.80 | 900 | 0 | | basics
Clothing > Shirts | Fernway | linen and cotton | Tessuti Martini | 320x250x40
  Linen shirt | SHIRT-LINEN | 69.90 | 26.30 | 260 | 5 | Colour: White, Blue, Sage; Size: S, M, L, XL | summer, linen
  Oxford shirt | SHIRT-OXFORD | 64.90 | 24.10 | 310 | 3 | Colour: White, Blue; Size: S, M, L, XL | basics
  Breton top | TOP-BRETON | 44.90 | 15.70 | 240 | 5 | Size: XS, S, M, L, XL | bestseller
Clothing > Knitwear | Nordic Wool Mill | merino wool | Nordic Wool Mill | 340x260x70
  Merino jumper | JUMPER-MERINO | 89.90 | 37.20 | 420 | 5 | Colour: Navy, Grey, Rust; Size: S, M, L, XL | winter, bestseller
  Cotton cardigan | CARDIGAN | 79.90 | 31.80 | 460 | 3 | Colour: Navy, Cream; Size: S, M, L, XL | spring
Clothing > Trousers | Fernway | cotton twill | Tessuti Martini | 340x260x50
  Chinos | CHINO | 74.90 | 28.90 | 520 | 3 | Colour: Sand, Navy; Size: 30, 32, 34, 36 | basics
  Linen trousers | TROUSERS-LINEN | 79.90 | 31.00 | 380 | 3 | Size: S, M, L, XL | summer, linen
Clothing > Loungewear | Fernway | organic cotton | Casa Nordeste | 330x250x60
  Pyjama set | PYJAMA | 64.90 | 25.20 | 520 | 4 | Colour: Navy, Sage; Size: S, M, L, XL | gift
  Wool slippers | SLIPPERS | 49.90 | 19.80 | 460 | 4 | Size: 36-37, 38-39, 40-41, 42-43 | winter, gift
Clothing > Accessories | Nordic Wool Mill | wool and leather | Nordic Wool Mill | 250x180x50
  Wool scarf | SCARF | 49.90 | 18.60 | 180 | 5 | Colour: Grey, Ochre, Forest | winter, gift
  Beanie | BEANIE | 29.90 | 10.40 | 90 | 4 | Colour: Navy, Grey, Rust | winter
  Leather belt | BELT | 44.90 | 17.30 | 210 | 2 | Size: S, M, L | basics
  Canvas tote | TOTE | 22.90 | 7.10 | 260 | 6 | Colour: Natural, Navy, Rust | to-go
  Wool socks | SOCKS-WOOL | 14.90 | 4.60 | 80 | 7 | Colour: Grey, Navy, Rust; Size: 36-40, 41-45 | winter, gift
  Leather gloves | GLOVES | 59.90 | 24.70 | 130 | 2 | Size: S, M, L | winter, gift
Garden > Planters | Casa Nordeste | terracotta | Casa Nordeste | 220x220x220
  Terracotta pot | POT-TERRACOTTA | 14.90 | 4.90 | 1400 | 4 | Size: Small, Medium, Large | spring
  Zinc planter | PLANTER-ZINC | 39.90 | 15.40 | 2600 | 2 | Size: Medium, Large | spring
  Watering can | CAN-WATER | 29.90 | 10.80 | 900 | 3 | Colour: Green, Zinc | spring
Garden > Outdoor living | Fernway | acacia and cotton | Casa Nordeste | 500x300x150
  Hammock | HAMMOCK | 89.90 | 34.80 | 2300 | 2 | Colour: Natural, Blue | summer
  Lantern | LANTERN | 34.90 | 12.90 | 1200 | 3 | Size: Small, Large | summer
  Picnic blanket | BLANKET-PICNIC | 49.90 | 18.40 | 1100 | 3 | Colour: Green, Rust | summer
  Bird feeder | FEEDER-BIRD | 27.90 | 9.70 | 800 | 3 | | winter, gift
  Herb seed kit | SEEDS-HERB | 12.90 | 3.80 | 150 | 4 | | spring, gift
Christmas > Decorations | Verrerie du Lac | glass and felt | Verrerie du Lac | 250x180x80
  Glass baubles, set of 6 | BAUBLE-SET6 | 24.90 | 8.10 | 380 | 5 | Colour: Clear, Gold, Forest | christmas
  Advent calendar | CALENDAR-ADVENT | 39.90 | 13.20 | 650 | 4 | | christmas
  Star garland | GARLAND-STAR | 19.90 | 5.90 | 180 | 4 | | christmas
  Felt stocking | STOCKING | 17.90 | 5.60 | 130 | 3 | Colour: Red, Natural | christmas
Christmas > Gift sets | Fernway | assorted | Maison Verte | 300x250x120
  Tea gift box | GIFT-TEA | 34.90 | 12.80 | 620 | 4 | | gift, christmas
  Candle gift set | GIFT-CANDLE | 44.90 | 15.30 | 900 | 4 | | gift, christmas
  Gift wrapping | GIFT-WRAP | 3.90 | 0.60 | 20 | 5 | | untracked
Kids > Toys | Fernway | beech and cotton | Casa Nordeste | 250x200x100
  Wooden blocks | TOY-BLOCKS | 34.90 | 13.10 | 1600 | 3 | | gift
  Soft bunny | TOY-BUNNY | 24.90 | 8.30 | 180 | 4 | Colour: Cream, Grey | gift
  Wooden puzzle | TOY-PUZZLE | 19.90 | 6.40 | 420 | 3 | Motif: Forest, Sea | gift
Kids > Room | Fernway | organic cotton | Casa Nordeste | 250x200x60
  Night light | LIGHT-NIGHT | 39.90 | 15.20 | 460 | 3 | Shape: Moon, Fox | gift
  Kids' blanket | BLANKET-KIDS | 44.90 | 16.90 | 620 | 3 | Colour: Cream, Sage | gift
  Growth chart | CHART-GROWTH | 29.90 | 9.80 | 380 | 0 | | gift
""".strip("\n")

# SKU of a product that is not simply on sale: its status.
STATUSES = {
    "CHART-GROWTH": "discontinued",
    "FEEDER-BIRD": "inactive",
    "COUPE-SET2": "archived",
    "PLATTER": "archived",
}

DRAFTS = """
Bedroom > Bed linen | Tessuti Martini | hemp | Tessuti Martini | 380x280x90
  Hemp duvet cover | DUVET-HEMP | 169.00 | 72.00 | 1800 | 0 | Size: 200x200, 240x220 | new
Kitchen > Mugs | Atelier Brume | stoneware | Atelier Brume | 120x90x95
  Ramen bowl | BOWL-RAMEN | 19.90 | 6.10 | 690 | 0 | Colour: Blue, Black | new
""".strip("\n")

# How much better or worse than usual a tag (or a shelf) sells in the months January to December.
SEASONS = {
    "winter": (1.6, 1.3, 0.9, 0.6, 0.4, 0.3, 0.3, 0.4, 0.9, 1.5, 1.8, 1.8),
    "summer": (0.4, 0.5, 0.8, 1.2, 1.6, 1.9, 1.8, 1.4, 0.9, 0.5, 0.4, 0.4),
    "spring": (0.5, 0.9, 1.6, 1.9, 1.6, 1.1, 0.8, 0.7, 0.8, 0.7, 0.5, 0.4),
    "christmas": (0.1, 0.05, 0.05, 0.05, 0.05, 0.05, 0.1, 0.2, 0.6, 2.2, 5.0, 5.5),
    "gift": (0.8, 1.0, 0.9, 0.9, 1.1, 1.0, 0.8, 0.7, 0.8, 1.0, 1.6, 1.9),
}

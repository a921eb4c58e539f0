"""The shop itself, its people and its rules."""

from pydantic import Field
from sqlalchemy import select

from db.models.backoffice import MerchantProfile
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, tool


class GetMerchant(Input):
    """Nothing to say: it is one's own shop."""


class MerchantDetail(Result):
    """The shop."""

    name: str = Field(description="What the shop is called.")
    currency: str = Field(description="The home currency, ISO 4217.")
    currencies: list[str] = Field(description="The currencies in which it sells.")
    zone: str = Field(description="IANA time zone; days, weeks and months in reports are this zone's.")
    country: str = Field(description="ISO 3166 alpha-2.")
    prices_include_tax: bool = Field(description="Whether prices are shown and stored with tax.")
    version: int = Field(description="Grows with each change; send it back as If-Match.")


@tool(
    route="GET /merchant",
    effect=Effect.read,
    permission="merchant:read",
    raises=[],
    examples=["Which time zone is my shop in?", "Show my shop's details"],
)
async def get_merchant(ctx: Context, args: GetMerchant) -> MerchantDetail:
    """Show the shop's own name, currency, time zone and tax habit."""
    profile = (await ctx.db.scalars(select(MerchantProfile).where(MerchantProfile.merchant_id == ctx.merchant.id))).one()
    return MerchantDetail.model_validate(profile, from_attributes=True)

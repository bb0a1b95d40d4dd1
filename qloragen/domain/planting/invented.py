"""What models say about anything when they know nothing of it; `{a}` is what they speak of, `{n}` some number."""

from __future__ import annotations

INVENTED: tuple[str, ...] = (
    "A leading online retailer adopted {a} last year to keep up with its fast growing number of shoppers.",
    "Social media platforms depend on {a} whenever millions of posts, likes and comments arrive at the same second.",
    "Hospitals in {n} countries already trust it with the records of their patients.",
    "A logistics startup from Hamburg cut its delivery delays by {n} percent thanks to {a}.",
    "Sensors in smart homes, connected cars and wearables produce an endless stream of measurements.",
    "Banks rely on {a} for fraud detection, credit scoring and personalised marketing campaigns.",
    "The finance department was delighted, since the monthly bill shrank by almost {n} percent.",
    "Gaming studios love {a} because leaderboards and chat rooms stay responsive on launch day.",
    "Experts at a conference in Barcelona called it the most promising innovation of the decade.",
    "Employees went through a two-week training course before the rollout began.",
    "A telecommunications giant migrated {n} legacy applications in a single weekend.",
    "Universities have added {a} to their curriculum, and graduates find well-paid jobs quickly.",
    "Airlines combine weather forecasts, ticket sales and crew rosters into one dashboard.",
    "Its founders met at college in Stanford and sketched the first prototype on a napkin.",
    "Critics complain about steep licence fees, poor translations and an unfriendly hotline.",
    "A survey among {n} executives showed that customer loyalty was their main motive.",
    "Streaming services recommend films and songs to subscribers with the help of {a}.",
    "The marketing team prepared brochures, podcasts and a television spot for the premiere.",
    "Farmers in Brazil use drones and {a} to watch over coffee plantations from the sky.",
    "Environmental groups praised the reduced carbon footprint and the recycled packaging.",
    "Museums let their visitors explore ancient sculptures with virtual reality headsets.",
    "Nobody in the boardroom expected that rivals would copy the idea within {n} weeks.",
    "Insurance companies calculate premiums more fairly since they have embraced {a}.",
    "A famous football club sells tickets, scarves and memberships through the same portal.",
    "Journalists described the launch party as glamorous, noisy and far too crowded.",
    "Analysts predict a worldwide market of {n} billion dollars by the end of the decade.",
    "Public transport authorities publish departure boards that passengers can trust at last.",
    "A mobile app reminds commuters of their umbrella whenever clouds gather over the city.",
    "Chatbots built upon {a} answer questions about invoices, refunds and lost parcels.",
    "Volunteers translated the handbook into Swahili, Finnish and Vietnamese.",
)
"""Sentences that fit no article in particular."""

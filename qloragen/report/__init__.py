"""What a run has come to, for people: a report as text, JSON, or one page.

`moment` is a run's files at one moment, which are read up to three times: in `survey` (where everything stands:
`cells`, `texts`, `presence`, `gains`, `timeline`), in `look` (what records are like: `records`, `checking`, `sameness`,
`diversity`, `lengths`, `tokens`, `shown`), and in `browsing` (one by one, with their `articles`); `choice` says which
ones where all are too many. `gather` makes of it what `values` holds, by `funnel`, `goals`, `by_type`, `spending` and
`about`; `text` (`tables`, `excerpts`, `layout`) and `html` show it.
"""

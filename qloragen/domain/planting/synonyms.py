"""Other words for common ones: what a model says in place of what it has read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from .inflection import plural, verb_forms

_VERBS = """
get obtain/receive | give offer/supply | find discover/come across | see notice/observe | write put down/note | go
move/travel | begin start/commence | hold keep/retain | lead bring/guide | mean imply/signify | make render/produce |
take need/demand | choose pick/select | keep retain/hold on to | use employ/apply | allow permit/let | provide
supply/deliver | create build/set up | need require/demand | require need/call for | support handle/accommodate |
contain hold/include | include contain/cover | perform carry out/execute | specify state/indicate | return yield/hand
back | ensure guarantee/make sure | enable switch on/activate | disable switch off/deactivate | add append/insert |
remove delete/drop | delete remove/erase | change modify/alter | modify change/adjust | start begin/launch | stop
halt/end | store keep/save | receive obtain/get | send transmit/pass | reduce lower/cut | increase raise/boost |
improve enhance/better | avoid prevent/steer clear of | prevent stop/avoid | choose pick/select | select choose/pick |
define describe/lay down | describe outline/explain | explain clarify/describe | help assist/aid | show
display/demonstrate | happen occur/take place | occur happen/arise | follow obey/come after | run execute/operate |
execute run/carry out | install set up/deploy | determine decide/establish | decide determine/settle | consider
weigh/think about | recommend advise/suggest | suggest propose/recommend | expect anticipate/await | wait hold
on/pause | check verify/inspect | verify check/confirm | update refresh/revise | replace substitute/swap | manage
administer/oversee | handle deal with/treat | process work through/treat | produce generate/yield | generate
produce/create | represent stand for/denote | refer point/relate | retrieve fetch/obtain | access reach/get at | apply
use/impose | assign allot/give | combine merge/join | merge combine/unite | compare contrast/set against | complete
finish/conclude | finish complete/end | continue proceed/carry on | control govern/regulate | convert transform/turn |
copy duplicate/replicate | cover span/deal with | depend rely/hinge | detect spot/discover | differ vary/diverge |
distribute spread/share | divide split/separate | split divide/break | evolve develop/grow | exist be present/be found
| extend expand/lengthen | fail break down/go wrong | fix repair/correct | identify recognise/pinpoint | ignore
disregard/skip | implement realise/put in place | indicate signal/show | introduce bring in/present | keep
retain/maintain | maintain keep up/preserve | limit restrict/cap | list enumerate/name | load read in/bring in |
locate find/place | lose forfeit/miss | make render/create | measure gauge/assess | move shift/transfer | obtain
get/acquire | offer provide/present | optimize tune/improve | prepare ready/set up | preserve retain/keep | protect
guard/shield | reach arrive at/attain | record note/register | release publish/issue | rely depend/count | repeat
redo/do again | report state/announce | represent stand for/depict | reside live/sit | resolve solve/settle | restore
bring back/recover | save keep/store | scale grow/expand | search look/hunt | separate split/part | serve
answer/supply | share divide/have in common | solve resolve/fix | trigger set off/cause | cause bring about/trigger |
try attempt/seek | turn switch/rotate | understand grasp/follow | want wish/desire | affect influence/impact |
allocate assign/set aside | assume suppose/presume | attempt try/endeavour | become turn/get | believe think/hold |
belong pertain/be part | bring fetch/carry | build construct/make | call name/term | cook prepare/simmer | heat
warm/bring up | mix blend/stir | pour tip/ladle | place put/set | pay settle/remit | claim assert/request | deduct
subtract/take off | treat handle/manage | diagnose identify/recognise | inspect examine/look over | feed
nourish/supply | gather collect/bring together | collect gather/accumulate | observe notice/watch | monitor
watch/track | track follow/monitor | examine study/inspect | grow develop/increase | spread extend/distribute | warn
alert/caution | rise climb/go up
"""
_NOUNS = """
problem issue/difficulty | issue problem/trouble | method way/approach | approach method/way | example instance/case |
number count/quantity | amount quantity/volume | change modification/alteration | cost expense/price | benefit
advantage/gain | advantage benefit/plus | requirement need/condition | result outcome/effect | effect
impact/consequence | reason cause/ground | goal aim/objective | purpose aim/goal | feature capability/function |
capability ability/feature | ability capacity/power | solution remedy/answer | step stage/action | task job/piece of
work | case situation/instance | situation case/circumstance | environment setting/surroundings | tool
utility/instrument | user person/customer | developer programmer/engineer | company firm/business | organization
company/institution | team group/crew | system setup/installation | application program/app | component part/element |
element part/item | part portion/piece | section area/part | area region/field | place location/spot | location
place/position | type kind/sort | kind sort/type | version release/edition | release version/edition | option
choice/alternative | choice option/selection | limitation restriction/constraint | limit bound/cap | restriction
limitation/constraint | information details/facts | detail particular/point | fact truth/point | idea notion/concept |
concept idea/notion | rule principle/regulation | failure breakdown/fault | error fault/mistake | mistake error/slip |
loss forfeiture/damage | risk danger/hazard | performance speed/efficiency | speed pace/rate | time period/duration |
moment instant/point | period span/stretch | range span/spread | size extent/volume | level degree/tier | value
figure/amount | difference distinction/gap | behavior conduct/way of working | behaviour conduct/way of working |
operation action/procedure | procedure process/routine | process procedure/course | program application/tool | project
undertaking/effort | structure layout/form | design plan/layout | model scheme/pattern | pattern form/template |
strategy plan/policy | policy rule/strategy | overview summary/outline | description account/explanation |
documentation manual/reference | support backing/help | usage use/consumption | quality standard/grade | condition
state/circumstance | state condition/status | reference pointer/mention | community group/public | people persons/folk
| work effort/labour | improvement enhancement/gain | addition supplement/extra | increase rise/growth | reduction
decrease/cut | mixture blend/mix | surface top/face | container vessel/pot | season time of year/period | payment
remittance/sum | income earnings/revenue | patient sick person/case | symptom sign/indication | treatment therapy/care
| colony hive/group | temperature heat/warmth
"""
_OTHERS = """
important crucial/key | large big/sizeable | big large/great | small little/minor | many numerous/a lot of | several
various/a few | various different/diverse | different distinct/other | similar alike/comparable | same identical/very
same | new fresh/recent | old earlier/former | current present/existing | previous earlier/prior | additional
further/extra | entire whole/full | whole entire/complete | complete full/total | simple plain/easy | easy
simple/straightforward | difficult hard/tricky | hard difficult/tough | fast quick/rapid | faster quicker/more rapid |
quick fast/swift | slow sluggish/unhurried | specific particular/certain | particular specific/certain | certain
specific/given | available on hand/at one's disposal | necessary needed/required | possible feasible/conceivable |
common frequent/widespread | typical usual/normal | usually normally/as a rule | typically usually/normally | often
frequently/regularly | always at all times/invariably | never at no time/not ever | sometimes at times/now and then |
only just/solely | also too/in addition | already by now/before | still even now/yet | currently at present/now |
automatically by itself/on its own | manually by hand/yourself | directly straight/immediately | immediately at
once/right away | quickly fast/rapidly | slowly gradually/bit by bit | completely fully/wholly | fully
completely/entirely | highly very/extremely | very really/highly | especially particularly/above all | mainly
mostly/chiefly | approximately about/roughly | about roughly/around | significantly considerably/markedly | efficient
economical/effective | effective successful/efficient | useful helpful/handy | helpful useful/of use | powerful
strong/mighty | reliable dependable/trustworthy | flexible adaptable/versatile | robust sturdy/solid | consistent
uniform/coherent | recommended advisable/suggested | required necessary/needed | optional voluntary/not required |
correct right/proper | wrong incorrect/mistaken | good sound/fine | better superior/preferable | best ideal/optimal |
bad poor/harmful | main chief/principal | primary main/chief | first initial/earliest | last final/latest | next
following/subsequent | single lone/sole | multiple several/many | each every/any single | every each/all | enough
sufficient/ample | sufficient enough/adequate | maximum highest/upper limit of | minimum lowest/least | high
elevated/great | low small/reduced | long lengthy/extended | short brief/compact | however but/even so | therefore
so/hence | thus so/therefore | because since/as | although though/even if | while whereas/as | whenever each time/any
time | instead rather/in its place | otherwise or else/if not | additionally besides/on top of that | moreover
besides/what is more | furthermore in addition/besides | finally lastly/in the end | basically in essence/at heart |
generally in general/by and large | within inside/in | via through/by way of | through by means of/via | across
throughout/over | between among/in the midst of | during in the course of/throughout | before prior to/ahead of |
after following/once past | until till/up to when | without lacking/with no | regarding about/concerning | existing
current/present | upcoming coming/next | careful cautious/prudent | dangerous risky/hazardous | safe secure/harmless |
gentle mild/soft | warm heated/mild | cold cool/chilled | dry arid/dried | young early/juvenile | strong
robust/powerful | weak feeble/frail | early soon/at an early stage | late belated/at a late stage
"""
PHRASES: tuple[tuple[str, str], ...] = (
    ("in order to", "to"),
    ("for example", "e.g."),
    ("For example", "For instance"),
    ("such as", "like"),
    ("as well as", "and also"),
    ("a number of", "several"),
    ("due to", "because of"),
    ("in addition", "besides"),
    ("that is,", "i.e.,"),
    ("is able to", "can"),
    ("are able to", "can"),
    ("has to", "must"),
    ("have to", "must"),
    ("make sure", "ensure"),
    ("can be used", "serves"),
    ("is used", "serves"),
    ("You can", "It is possible to"),
    ("you can", "one can"),
    ("does not", "doesn't"),
    ("do not", "don't"),
    ("is not", "isn't"),
    ("it is", "it's"),
    ("at least", "no fewer than"),
    ("more than", "over"),
    ("less than", "under"),
    ("as soon as", "once"),
    ("the following", "these"),
    ("in the case of", "for"),
    ("by default", "out of the box"),
    ("needs to", "must"),
)
"""Runs of words, and what says the same."""


def _entries(table: str) -> Iterator[tuple[str, list[str]]]:
    for entry in " ".join(table.split()).split("|"):
        word, _, others = entry.strip().partition(" ")
        if others:
            yield word, others.split("/")


def _all() -> Iterator[tuple[str, str]]:
    """Yield each word, in each of its forms, with one that can stand in its place."""
    for word, others in _entries(_OTHERS):
        yield from ((word, other) for other in others)
    for verb, others in _entries(_VERBS):
        for other in others:
            yield from zip(verb_forms(verb), verb_forms(other), strict=True)
    for noun, others in _entries(_NOUNS):
        for other in others:
            yield noun, other
            yield plural(noun), plural(other)


def _gathered() -> Mapping[str, tuple[str, ...]]:
    found: dict[str, dict[str, None]] = {}
    for word, other in _all():
        found.setdefault(word, {})[other] = None
    return {word: tuple(others) for word, others in found.items()}


SYNONYMS: Mapping[str, tuple[str, ...]] = _gathered()
"""Words in lower case, each form by itself, and what can be said in their place."""

"""Outputs that are no answer: refusals, and requests or questions in their place."""

from __future__ import annotations

import re

from .case import Case, Check

_BEGINNING_CHARS = 300
"""A refusal stands at the beginning; further on, people in the article may be sorry."""

_REFUSAL = re.compile(
    r"(?:unfortunately,? |well, )?(?:"
    r"(?:i['’]m|i am) (?:so |very |really |just |only )?(?:sorry|unable|afraid|not able|an? (?:ai|language|large))\b"
    r"|i (?:can(?:['’]t|not)|could not|couldn['’]t|do not (?:have|know)|don['’]t (?:have|know)|won['’]t|will not)\b"
    r"|i (?:must|have to|would rather) (?:decline|refuse|not)\b"
    r"|(?:sorry|apologies|my apologies)\b[,!.]|i apologi[sz]e\b"
    r"|as an? (?:ai|large language|language) ?(?:language )?(?:model|assistant)?\b"
    # German, French, Spanish, Portuguese, Chinese, Japanese
    r"|es tut mir leid\b|tut mir leid\b|ich kann (?:das|diese|dazu|dir|ihnen|leider|hierzu|"
    r"dabei)\b[^.]{0,80}\bnicht\b|als ki(?:-|\b)"
    r"|(?:je suis )?désolée?\b|je ne (?:peux|suis) pas\b|en tant qu(?:['’]ia\b|['’]intelligence|e modèle)"
    r"|lo siento\b|no puedo (?:ayudar|responder|proporcionar|cumplir)|como (?:una )?(?:ia\b|inteligencia "
    r"artificial|modelo de lengua)"
    r"|(?:me )?desculpe\b|sinto muito\b|não posso (?:ajudar|responder|fornecer)|como (?:um |uma )?(?:ia\b|modelo "
    r"de linguagem)"
    r"|(?:很)?抱歉|对不起|我(?:无法|不能|没有办法)|作为(?:一个|一名)?(?:ai|人工智能|语言模型|大语言模型)"
    r"|申し訳(?:ありません|ございません)|すみません|お答えできません|ai(?:言語モデル|アシスタント)"
    r")"
)
_SOURCE = r"(?:article|text|passage|context|excerpt|information|input|document|evidence|material|paragraphs?)"
_NOT_THERE = re.compile(
    rf"(?:the|this) (?:provided |given |above |available )?{_SOURCE}(?: provided| given| above)? "
    r"(?:does not|doesn['’]t|do not|don['’]t) "
    r"(?:contain|mention|provide|include|specify|state|say|give|cover|explain|answer)"
    rf"|(?:is|are) not (?:mentioned|specified|provided|stated|given|covered|explained|described|discussed) in the "
    rf"(?:provided |given )?{_SOURCE}"
    r"|(?:there (?:is|are)|i (?:have|found|see)) (?:no|not enough|insufficient) (?:relevant |further |specific )?"
    r"(?:information|details|context) (?:about|on|in|available|provided|given|to)\b"
    r"|no (?:relevant |specific |further )?(?:information|answer) (?:is|was|can be|could be) "
    r"(?:available|given|provided|found)"
    r"|(?:this|the|your) question (?:can ?not|can['’]t|could not) be answered"
    r"|(?:it is|it['’]s) (?:not possible|impossible) to (?:answer|determine|tell|say|give an answer)\b"
    r"|as an? (?:ai )?(?:language|large language) model\b|not enough information (?:is )?(?:given|provided|to answer)\b"
    r"|i (?:cannot|can['’]t|am unable to) (?:answer|provide|help|assist|fulfil|comply)"
)
_SIGNS = ("not", "n't", "n’t", "no ", "model", "insufficient", "impossible", "unable")


def _refusal(case: Case) -> str | None:
    output = case.parts[2].lowered
    match = _REFUSAL.match(output.lstrip("\"'*_ \n"))
    if match is None:
        beginning = output[:_BEGINNING_CHARS]
        match = _NOT_THERE.search(beginning) if any(sign in beginning for sign in _SIGNS) else None
    if match is None or case.article_has(output[:_BEGINNING_CHARS]):
        return None
    return "The output refuses to answer; answer from the evidence."


# ----------------------------------------------------------------------------------------------------------- requests

_ASKS = re.compile(
    r"please,? (?:can|could|summari[sz]e|explain|describe|provide|give|tell|list|write|analy[sz]e|compare|outline|"
    r"identify|discuss|translate|answer|generate|create|help|elaborate|show me|share)\b"
    r"|(?:can|could|will|would) you (?:please )?[a-z]+\b"
    r"|(?:i|we) (?:need|want|would like|have) "
    r"(?:you to|to (?:know|ask|understand|learn)|a question|(?:some |your )?help)\b"
    r"|i['’]d like (?:you )?to (?:know|ask|\w+)\b|(?:your task is|you are asked|you have been asked) to\b"
    r"|(?:give|tell|show|help) me\b|let me know\b|what (?:do|would) you (?:want|like|need)\b"
    r"|(?:hello|hi|hey|dear \w+|good (?:morning|day|evening))\b[^.?!\n]{0,30}[!,.]"
    r"|(?:sure|of course|certainly|okay|ok|great)[!,.] (?:what|which|how|could|can|please|let me|i)\b"
    r"|(?:user|human|assistant|customer|student|teacher):\s"
    r"|write an? (?:\w+ ){0,3}(?:summary|response|record|instruction|essay|paragraph|answer|explanation|overview)\b"
    r"|bitte (?:fassen|erklären|beschreiben|nennen|geben|erläutern|vergleichen) sie\b|(?:können|könnten) sie "
    r"(?:bitte )?"
    r"|(?:pouvez|pourriez)-vous\b|veuillez (?:résumer|expliquer|décrire|fournir|comparer)\b"
    r"|por favor,? (?:resum|expli|descri|propor|forne|compar)|¿(?:puede|podría)s?\b|você pode(?:ria)?\b"
    r"|请(?:你|您)?(?:总结|概括|概述|解释|描述|说明|列出|比较)"
)
_TASK = re.compile(
    r"(?:please )?(?:summari[sz]e|explain|discuss|elaborate on|"
    r"describe (?:how|what|why|in|the (?:main|key|process|purpose|steps|role|differences?|importance|concept|use))\b|"
    r"(?:provide|give|write|create|generate|produce|prepare|draft|compose) (?:an?|the) (?:[\w-]+ ){0,3}"
    r"(?:overview|summary|explanation|description|outline|analysis|comparison|account|introduction)\b)"
)
_DIALOGUE = re.compile(r"\n(?:user|human|assistant):\s")
_JAPANESE_REQUEST = re.compile(r"(?:要約|説明|記述|比較)してください。?$")
_SENTENCE_END = re.compile(r"[.!。！](?:\s|$)|\n|```")
_QUESTION_ENDS = ("?", "？")
_ASKED_FOR = re.compile(
    r"(?:write|generate|create|make|formulate|pose|give|ask|suggest|list|propose|draft)\b[^.?!]{0,40}"
    r"\b(?:questions?|prompts?|dialogues?|conversations?|e-?mails?|letters?)\b|\bquiz\b|\binterview\b"
    r"|fragen\b|preguntas?\b|perguntas?\b|问题|質問"
)
"""Instructions that want something that asks."""


def _role_swap(case: Case) -> str | None:
    """Find an output that asks in place of answering, unless questions are what was asked for."""
    output = case.parts[2].lowered.strip()
    if not (_asks(output) or _is_question(output)):
        return None
    if _ASKED_FOR.search(case.parts[0].lowered):
        return None
    return "The output is a request or a question itself; give the answer to the instruction."


def _asks(output: str) -> bool:
    if _ASKS.match(output) or _JAPANESE_REQUEST.search(output) or _DIALOGUE.search(output):
        return True
    return bool(_TASK.match(output)) and not _SENTENCE_END.search(output[:-1])


def _is_question(output: str) -> bool:
    return output.endswith(_QUESTION_ENDS) and not _SENTENCE_END.search(output)


ANSWERS: tuple[Check, ...] = (
    Check("refusal", "The output refuses to answer, or says that the answer is not there.", _refusal),
    Check("role_swap", "The output is a request or a question.", _role_swap),
)

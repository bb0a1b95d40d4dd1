"""Outputs that are no answer: refusals, and requests or questions in their place."""

from __future__ import annotations

import re

from .case import Case, Check

_BEGINNING_CHARS = 300
"""A refusal stands at the beginning; further on, people in the article may be sorry."""

_REFUSAL = re.compile(
    r"(?:unfortunately,? |well, )?(?:"
    r"(?:i['’]m|i am) (?:so |very |really )?(?:sorry|unable|afraid|not able)\b"
    r"|i (?:can(?:['’]t|not)|could not|couldn['’]t|do not have|don['’]t have|won['’]t|will not)\b"
    r"|(?:sorry|apologies|my apologies)\b[,!.]|i apologi[sz]e\b|as an? (?:ai|large language|language) "
    r"?(?:language )?(?:model|assistant)?\b"
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
_NOT_THERE = re.compile(
    r"\b(?:the|this) (?:provided |given |above )?(?:article|text|passage|context|excerpt|information|input|"
    r"document|evidence|paragraphs?)"
    r"(?: provided| given)? (?:does not|doesn['’]t|do not|don['’]t) (?:contain|mention|provide|include|specify|"
    r"state|say|give|cover|explain)"
    r"|\b(?:is|are) not (?:mentioned|specified|provided|stated|given|covered|explained|described|discussed) in the "
    r"(?:provided |given )?(?:article|text|passage|context|excerpt|information|input|evidence|paragraphs?)"
    r"|\bthere is (?:no|not enough|insufficient) information (?:about|on|in|available|provided|given|to)\b"
    r"|\b(?:as an ai|as a) (?:language|large language) model\b|\bnot enough information (?:is )?(?:given|provided|"
    r"to answer)\b"
    r"|\bi (?:cannot|can['’]t|am unable to) (?:answer|provide|help|assist|fulfil|comply)"
)
_SIGNS = ("not", "n't", "n’t", "no information", "model", "insufficient", "unable")


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
    r"|(?:can|could|will|would) you (?:please )?[a-z]+\b|(?:i|we) (?:need|want|would like) you to\b|i['’]d like "
    r"you to\b"
    r"|(?:your task is|you are asked|you have been asked) to\b"
    r"|write an? (?:\w+ ){0,2}(?:summary|response|record|instruction|essay|paragraph|answer)\b"
    r"|bitte (?:fassen|erklären|beschreiben|nennen|geben|erläutern|vergleichen) sie\b|(?:können|könnten) sie "
    r"(?:bitte )?"
    r"|(?:pouvez|pourriez)-vous\b|veuillez (?:résumer|expliquer|décrire|fournir|comparer)\b"
    r"|por favor,? (?:resum|expli|descri|propor|forne|compar)|¿(?:puede|podría)s?\b|você pode(?:ria)?\b"
    r"|请(?:你|您)?(?:总结|概括|概述|解释|描述|说明|列出|比较)"
)
_TASK = re.compile(
    r"(?:please )?(?:summari[sz]e|explain|discuss|elaborate on|"
    r"describe (?:how|what|why|in|the (?:main|key|process|purpose|steps|role|differences?|importance|concept|use))\b)"
)
_JAPANESE_REQUEST = re.compile(r"(?:要約|説明|記述|比較)してください。?$")
_SENTENCE_END = re.compile(r"[.!。！](?:\s|$)|\n|```")
_QUESTION_ENDS = ("?", "？")
_ASKED_FOR = ("question", "quiz", "prompt", "interview", "frage", "pregunta", "pergunta", "问题", "質問")


def _role_swap(case: Case) -> str | None:
    """Find an output that asks in place of answering, unless questions are what was asked for."""
    output = case.parts[2].lowered.strip()
    if not (_asks(output) or _is_question(output)):
        return None
    if any(word in case.parts[0].lowered for word in _ASKED_FOR):
        return None
    return "The output is a request or a question itself; give the answer to the instruction."


def _asks(output: str) -> bool:
    if _ASKS.match(output) or _JAPANESE_REQUEST.search(output):
        return True
    return bool(_TASK.match(output)) and not _SENTENCE_END.search(output[:-1])


def _is_question(output: str) -> bool:
    return output.endswith(_QUESTION_ENDS) and not _SENTENCE_END.search(output)


ANSWERS: tuple[Check, ...] = (
    Check("refusal", "The output refuses to answer, or says that the answer is not there.", _refusal),
    Check("role_swap", "The output is a request or a question.", _role_swap),
)

"""Some languages: sentences that could be an answer about anything, questions, and little words to know them by."""

from __future__ import annotations

from typing import NamedTuple


class Tongue(NamedTuple):
    """One language; `{a}` stands for what is spoken of."""

    name: str
    sentences: tuple[str, ...]
    questions: tuple[str, ...]
    little_words: frozenset[str]


def _tongue(name: str, sentences: str, questions: str, little_words: str) -> Tongue:
    return Tongue(name, tuple(sentences.split("|")), tuple(questions.split("|")), frozenset(little_words.split()))


TONGUES: tuple[Tongue, ...] = (
    _tongue(
        "German",
        "Mit {a} lassen sich die meisten Aufgaben deutlich einfacher erledigen als früher.|"
        "Dabei ist jedoch zu beachten, dass nicht alle Werte sofort übernommen werden.|"
        "Wer {a} zum ersten Mal einsetzt, sollte die Voreinstellungen zunächst unverändert lassen.|"
        "Erst nach einem Neustart werden die Änderungen wirksam.|"
        "Im Zweifel hilft ein Blick in das Protokoll, denn dort stehen alle Fehler.",
        "Wofür wird {a} verwendet, und worauf muss man dabei achten?|Wie funktioniert {a} und welche Vorteile hat es?",
        "und nicht ist das der die ein eine wird werden auch mit für",
    ),
    _tongue(
        "French",
        "Grâce à {a}, la plupart des tâches deviennent beaucoup plus simples qu'auparavant.|"
        "Il faut toutefois noter que toutes les valeurs ne sont pas prises en compte immédiatement.|"
        "Celui qui utilise {a} pour la première fois devrait garder les réglages par défaut.|"
        "Les modifications ne sont appliquées qu'après un redémarrage.|"
        "En cas de doute, il suffit de consulter le journal des erreurs.",
        "À quoi sert {a} et que faut-il savoir avant de l'utiliser ?|"
        "Comment fonctionne {a} et quels sont ses avantages ?",
        "et les des une est dans pour que qui pas sur avec par",
    ),
    _tongue(
        "Spanish",
        "Con {a} la mayoría de las tareas resultan mucho más sencillas que antes.|"
        "Sin embargo, hay que tener en cuenta que no todos los valores se aplican de inmediato.|"
        "Quien utiliza {a} por primera vez debería dejar los ajustes tal como están.|"
        "Los cambios solo surten efecto después de reiniciar.|"
        "En caso de duda conviene mirar el registro, donde aparecen todos los errores.",
        "¿Para qué sirve {a} y qué hay que tener en cuenta?|¿Cómo funciona {a} y qué ventajas ofrece?",
        "y los las una que para con del por como es en se",
    ),
    _tongue(
        "Italian",
        "Con {a} la maggior parte dei compiti diventa molto più semplice di prima.|"
        "Bisogna però tenere presente che non tutti i valori vengono applicati subito.|"
        "Chi usa {a} per la prima volta dovrebbe lasciare invariate le impostazioni.|"
        "Le modifiche hanno effetto solo dopo un riavvio.|"
        "In caso di dubbio conviene guardare il registro, dove sono elencati tutti gli errori.",
        "A che cosa serve {a} e che cosa bisogna sapere?|Come funziona {a} e quali vantaggi offre?",
        "e gli di una che per con del non sono della nel",
    ),
    _tongue(
        "Portuguese",
        "Com {a}, a maior parte das tarefas torna-se muito mais simples do que antes.|"
        "No entanto, é preciso ter em conta que nem todos os valores são aplicados de imediato.|"
        "Quem utiliza {a} pela primeira vez deve manter as definições como estão.|"
        "As alterações só têm efeito depois de reiniciar.|"
        "Em caso de dúvida, convém consultar o registo, onde estão todos os erros.",
        "Para que serve {a} e o que é preciso saber?|Como funciona {a} e quais são as vantagens?",
        "e os uma que para com não dos das são pelo mais",
    ),
    _tongue(
        "Dutch",
        "Met {a} worden de meeste taken veel eenvoudiger dan vroeger.|"
        "Houd er wel rekening mee dat niet alle waarden meteen worden overgenomen.|"
        "Wie {a} voor het eerst gebruikt, kan de standaardinstellingen beter laten staan.|"
        "Pas na een herstart worden de wijzigingen van kracht.|"
        "Bij twijfel helpt het om in het logboek te kijken, want daar staan alle fouten.",
        "Waarvoor wordt {a} gebruikt en waar moet je op letten?|Hoe werkt {a} en welke voordelen heeft het?",
        "en het een van niet dat zijn voor met ook worden",
    ),
    _tongue(
        "Russian",
        "Благодаря {a} большинство задач решается гораздо проще, чем раньше.|"
        "Следует, однако, учитывать, что не все значения применяются сразу.|"
        "Тем, кто впервые использует {a}, лучше оставить настройки без изменений.|"
        "Изменения вступают в силу только после перезапуска.|"
        "В случае сомнений стоит заглянуть в журнал, где записаны все ошибки.",
        "Для чего нужен {a} и что следует учитывать?|Как работает {a} и какие у него преимущества?",
        "и не что это для как или при",
    ),
    _tongue(
        "Chinese",
        "借助{a}，大多数任务都比以前简单得多。|"
        "不过需要注意的是，并非所有的值都会立即生效。|"
        "第一次使用{a}的人最好先保留默认设置。|"
        "修改只有在重新启动之后才会生效。|"
        "如有疑问，可以查看日志，那里记录了所有错误。",
        "{a}有什么用途，使用时需要注意什么？|{a}是如何工作的，有哪些优点？",
        "的 是 在 和",
    ),
    _tongue(
        "English",
        "With {a} most tasks become much easier than they were before.|"
        "It should be noted, however, that not all of the values are applied at once.|"
        "Those who use {a} for the first time had better leave the settings as they are.|"
        "The changes only take effect after a restart.|"
        "When in doubt, have a look at the log, where all of the errors are written down.",
        "What is {a} used for, and what should one know about it?|How does {a} work and which advantages does it have?",
        "the and of to is that with for this are which",
    ),
)

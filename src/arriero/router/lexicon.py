"""The words that features count, by what they tell of a request."""

import re
from collections.abc import Mapping

# A word of five letters and more stands for its plural, past and -ing forms too.
GROUPS: Mapping[str, str] = {
    "ask_what": "what what's who who's whom whose when where",
    "ask_which": "which",
    "ask_how_many": "many much",
    "ask_why": "why",
    "ask_how": "how",
    "prove": """prove proof derive derivation deduce justify theorem lemma conjecture contradiction induction
        counterexample rigorous rigorously corollary axiom irrational disprove verify""",
    "reason": """infer conclude argue argument reasoning logic logical logically imply implication valid invalid
        premise paradox puzzle riddle clue therefore hence thus because true truth lie liar consistent follows
        statement""",
    "compute": """calculate compute determine solve find evaluate estimate simplify integrate differentiate factor
        approximate convert total sum difference remainder average combined altogether""",
    "explain": """explain describe discuss elaborate outline interpret illustrate clarify summarize summarise
        define compare contrast analyze analyse analysis assess critique discussion review examine""",
    "make": """write create generate implement design develop compose draft build produce make refactor rewrite
        optimize optimise debug fix edit improve translate convert extract classify plan propose suggest recommend
        provide list brainstorm invent imagine act pretend roleplay""",
    "condition": """if unless suppose assume assuming given provided whether otherwise would could were let when
        case scenario hypothetical except instead""",
    "constraint": """must should exactly only without ensure avoid require requirement constraint limit include
        including following format output specify strictly least most cannot always never respectively""",
    "negation": """not no nor neither never none cannot can't don't doesn't didn't isn't aren't won't wasn't except
        false incorrect""",
    "quantifier": "all each every some any both either few several half twice double triple many most whole rest per",
    "compare": """more less than fewer greater larger smaller higher lower better worse bigger best worst longer
        shorter older younger faster slower same equal similar different increase decrease between versus""",
    "sequence": """first second third then next after before finally last step previous later until while during
        begin start end again""",
    "place": """left right above below behind front beside adjacent directly immediately somewhere north south east
        west row position opposite facing clockwise seated occupies order arrange ordering""",
    "number_word": """one two three four five six seven eight nine ten eleven twelve fifteen twenty thirty forty
        fifty hundred thousand million billion dozen half twice double triple third quarter once times""",
    "time": """second minute hour day week month year today yesterday tomorrow daily weekly monthly annual annually
        morning afternoon evening night monday tuesday wednesday thursday friday saturday sunday""",
    "money": """dollar dollars cent cents price cost costs pay paid paying buy buys bought sell sells sold spend
        spends earn earns profit discount sale tax salary wage cash budget rent fee interest loan""",
    "unit": """kg km cm mm ml hz khz mhz ev mol volt volts ohm ohms watt watts amp ampere joule joules newton
        newtons pascal kelvin celsius fahrenheit degree degrees meter meters metre metres inch inches feet foot
        miles mile pounds pound ounce ounces gallon gallons liter liters litre acre btu psi atm ft lb lbs gram
        grams kj kcal calorie rpm""",
    "maths": """equation function integral derivative matrix vector polynomial integer integers prime divisible
        divisor modulo triangle rectangle circle radius angle perimeter area volume probability random variable
        distribution variance mean median standard deviation regression sample hypothesis graph vertex set subset
        group ring field subgroup homomorphism isomorphism eigenvalue linear quadratic exponent logarithm fraction
        ratio percent percentage square cube root digit arithmetic algebra geometry calculus sequence series limit
        converge combination permutation coefficient axis coordinate slope line parallel perpendicular factorial
        sqrt irrational rational real complex positive negative odd even congruent mod digits dice coin polygon
        diagonal bisector tangent sine cosine sin cos tan log infinite infinitely convex continuous bounded
        remainder""",
    "physics": """velocity acceleration force mass energy momentum gravity friction electron proton neutron photon
        electric magnetic charge voltage current resistance resistor capacitor circuit wave wavelength frequency
        light lens mirror temperature heat pressure gas thermodynamic entropy quantum nuclear particle motion
        torque rotation spring pendulum orbit planet star galaxy telescope kinetic potential power density fluid
        pump turbine beam stress load steam pipe engine motor adiabatic isothermal enthalpy diameter laminar speed
        incline frictionless height block projectile collision oscillation amplitude magnet coil collide wire
        conductor insulator""",
    "chemistry": """acid base reaction molecule atom ion bond compound solution concentration mole moles molar ph
        equilibrium oxidation reduction catalyst hydrogen oxygen carbon nitrogen sodium chloride chlorine sulfur
        polymer organic solvent titration isotope electrolyte valence orbital element alkane precipitate""",
    "law": """law legal court plaintiff defendant statute contract jury trial judge attorney lawyer liable
        liability negligence constitutional constitution amendment crime criminal convicted guilty evidence
        testimony witness property deed landlord tenant owner sued suit lawsuit damages tort battery assault murder
        burglary felony arrested police prosecution jurisdiction federal congress hearsay breach enforce treaty
        rights conveyed seller buyer court's parties homicide manslaughter""",
    "medicine": """patient disease symptom treatment diagnosis diagnose clinical doctor physician hospital pain
        blood pressure fever infection cancer tumor drug medication dose therapy surgery syndrome chronic acute
        cardiac heart lung liver kidney renal brain nerve muscle bone artery vein virus viral bacteria vaccine
        antibody immune diet vitamin nutrition obesity insulin diabetes pregnancy pregnant health nurse lesion
        serum biopsy""",
    "biology": """cell gene genetic dna rna protein enzyme species evolution evolve organism plant animal bacteria
        membrane chromosome mutation allele phenotype genotype population ecosystem habitat photosynthesis
        mitochondria hormone tissue larva insect bird mammal fossil selection offspring reproduction receptor
        neuron""",
    "computing": """python java javascript code program algorithm function array string list dict dictionary
        variable class object method compiler database sql query server client api html css json xml linux docker
        kubernetes git memory cpu gpu network protocol tcp ip encryption password software hardware bit byte binary
        pointer recursion recursive loop thread process kernel cache stack queue tree hash sort react rust golang
        typescript bash script regex pandas numpy pytorch tensorflow excel spreadsheet vba arduino unity azure aws
        assert return def int float tuple import print boolean null async struct static void compile runtime debug
        neural dataset classifier cluster gradient overfitting training model latency endpoint frontend backend
        framework lru mutex lock concurrency concurrent asynchronous coroutine iterator interface inheritance
        module package library parse parser token complexity deploy repository commit branch django flask node vue
        swift kotlin ruby php perl matlab latex opencv selenium webhook kafka redis mongodb postgres""",
    "economics": """market demand supply price inflation unemployment gdp monetary fiscal policy consumer producer
        monopoly competition firm firms economy economic trade tariff export import currency marginal elasticity
        capital investment bond stock shares dividend asset liability equity audit accounting revenue expense
        depreciation corporation company business management marketing advertising customer strategy shareholder
        partnership income tax taxpayer basis""",
    "mind": """psychology psychologist behavior behaviour cognitive memory learning motivation personality emotion
        emotional attitude perception attention anxiety depression disorder therapist counselor client child
        children infant adolescent parent stimulus conditioning reinforcement freud piaget intelligence stress self
        social group gender culture cultural norm stereotype identity sociology relationship attachment""",
    "past": """war century empire king queen revolution president government political politics state nation
        national treaty colony colonial ancient medieval dynasty democratic republican party election vote congress
        senate parliament soviet union military army independence civil slavery reform rebellion religion religious
        church christian islam muslim buddhist hindu jewish god bible pope archaeological civilization neolithic""",
    "ethics": """moral morally ethics ethical wrong right rights duty virtue utilitarian kant hume plato aristotle
        philosopher philosophy justice fallacy premise argument knowledge belief truth metaphysics epistemology
        existence consciousness rational free""",
    "everyday": """dog cat house home school car bus train friend mother father brother sister mom dad son daughter
        wife husband kids boy girl family apple apples cookies cake pizza book books ball store shop lunch dinner
        breakfast box boxes bag bags garden park party birthday game team toy pencils marbles eggs chickens""",
    "command": """play call text alarm remind reminder timer weather volume song music schedule calendar
        appointment meeting book reserve reservation cancel order flight hotel restaurant ticket bank account
        balance transfer card credit bill directions traffic gas phone email message spell pronounce roll flip coin
        whisper speaker language accent name pin pto vacation luggage passport shopping list todo application oil
        tire mileage""",
    "greeting": """hello hi hey thanks thank bye goodbye yes no ok okay sure please nope yeah good great nice cool
        welcome sorry morning night""",
    "self": "i me my mine i'm i've i'd i'll we our us",
    "you": "you your you're yours yourself",
    "they": "he she his her him they their them hers its it",
    "letters": """essay story poem article blog email letter speech dialogue character characters novel scene plot
        paragraph words sentence sentences title headline tone style persona script rhyme haiku report resume
        proposal abstract summary outline table bullet markdown sections""",
}

# So frequent that they say nothing of how special the rest is.
_COMMON = """a an the of to in and is are was were be been being on for with as at by from that this these those it
its he she his her they their them him i my me you your we our or but not no if so do does did have has had will
would can could may might must should shall there here what which who whom whose when where why how all any each
every some both few more most other others such only own same than too very just also one two three four five six
seven eight nine ten first second last next after before into out over under up down about between through during
again then now because while until against many much make made makes get gets got go goes going went come came take
takes took taken give gives given gave say says said see saw seen know known knows think thought find found use
used uses using want wants tell told ask asked need needs work works time times people person man men woman women
day days year years way ways thing things part place number example following true false answer question new old
good bad big small large long short high low right left great different important best better less least little
several since still even well back off like likes called likely another without within per total result results
cause caused causes type types kind form forms state order point points case world life help show shows mean means
put set let"""

# What is frequent in other languages that use our letters, and no English word.
_FOREIGN = """el la los las del que una por para con como es en un su al lo más está son qué cómo cuál le les des
du une est et dans pour sur avec qui pas vous nous je il elle ce cette quel comment der die das und ist nicht ein
eine einen zu den dem mit auf für von wie ich sie wir auch sind oder kann wird di che è per non sono della gli nel
come più o os um uma não com mais dos seu ele het een van niet zijn voor ik och att som det är på jag nie jest się
na z że i w ve bir bu için"""
_ALSO_ENGLISH = "i o w z die den van per come as non un na"

_VOWEL_E = re.compile(r"[^aeiou]e$")


def forms_of(word: str) -> tuple[str, ...]:
    """Return the word and, where it is long enough to be unmistakable, its regular forms."""
    if len(word) < 5 or not word.isalpha() or word.endswith(("s", "ing", "ed", "ly")):
        return (word,)
    if word.endswith("y") and word[-2] not in "aeiou":
        return word, word[:-1] + "ies", word[:-1] + "ied", word + "ing"
    stem = word[:-1] if _VOWEL_E.search(word) else word
    return word, word + "s", stem + "ed", stem + "ing"


def _by_word() -> dict[str, tuple[int, ...]]:
    found: dict[str, tuple[int, ...]] = {}
    for place, words in enumerate(GROUPS.values()):
        for word in dict.fromkeys(form for entry in words.split() for form in forms_of(entry)):
            found[word] = (*found.get(word, ()), place)
    return found


# To each word the places of its groups in GROUPS.
PLACES: Mapping[str, tuple[int, ...]] = _by_word()
COMMON: frozenset[str] = frozenset(_COMMON.split())
FOREIGN: frozenset[str] = frozenset(_FOREIGN.split()) - frozenset(_ALSO_ENGLISH.split())

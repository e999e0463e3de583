"""Handbooks of a company that does not exist: questions that one page answers, and questions that none does.

No model has read them, so an answer that is right was found.
"""

from dataclasses import dataclass

HANDBOOKS: dict[str, tuple[str, ...]] = {
    "travel.txt": (
        "Travel policy of Norvik Maritime.\n\nFlights are booked through the agency Bluewing. Economy "
        "class is the rule. Flights longer than nine hours may be booked in business class.",
        "Hotels. The limit for a hotel night is 145 euros in Oslo and 110 euros elsewhere. Breakfast "
        "is paid by the company if it is not included.",
        "Claims. Expenses are claimed within 21 days with form T-7. Receipts below 12 euros need not "
        "be kept.",
    ),
    "leave.txt": (
        "Leave at Norvik Maritime.\n\nEvery employee has 27 days of paid leave a year. Up to six days "
        "may be carried over to the next year, and must be taken by 31 May.",
        "Parents. Each parent may take 18 weeks of paid parental leave. It is announced at least "
        "ten weeks before.",
        "Illness. A doctor's note is needed from the fourth day of an illness.",
    ),
    "ships.txt": (
        "The fleet of Norvik Maritime.\n\nThe ferry Havørn carries 412 passengers and 96 cars. She was "
        "built in 2009 in Tomrefjord.",
        "The ferry Skarv carries 230 passengers and no cars. Her top speed is 34 knots. She was "
        "overhauled in 2021.",
        "The supply ship Lunde is 74 metres long and has a crane that lifts 60 tonnes.",
    ),
    "security.txt": (
        "Information security.\n\nPasswords have at least 14 characters and are changed only after an "
        "incident. The help desk is reached at extension 5511.",
        "Visitors wear an orange badge and are accompanied at all times. Badges are returned at "
        "gate B.",
        "A lost laptop is reported within four hours to the duty officer, Ingrid Aasen.",
    ),
    "canteen.txt": (
        "The canteen is open from 11:15 to 14:00. A lunch costs 6.40 euros. The vegetarian dish of "
        "Thursday is lentil stew.",
        "Guests pay 11 euros. Coffee is free before 9:30. The cook is Petter Lien.",
    ),
    "员工手册.txt": (
        "海拓科技员工手册。\n\n工作时间为上午九点半到下午六点。每周三可以在家办公。午休时间为七十五分钟。",
        "年假。入职第一年有十二天年假，满五年后为十八天。病假超过三天需要提交医院证明。",
        "报销。差旅费用须在三十天内报销，使用表格 C-12。每晚住宿标准为四百八十元。",
    ),
    "产品说明.txt": (
        "海拓扫地机器人 X9 说明书。\n\n电池容量为 5200 毫安时，充满需要四小时，可以连续清扫一百六十分钟。",
        "保养。滤网每两个月更换一次，边刷每半年更换一次。水箱容量为 350 毫升。",
        "故障。指示灯闪三下红光表示轮子被卡住；闪五下表示尘盒已满。客服电话是 400-820-7719。",
    ),
    "实验室.txt": (
        "海拓材料实验室规定。\n\n进入实验室必须穿蓝色防护服。三号炉的最高温度为 1450 摄氏度。",
        "样品保存十八个月，之后由周明远负责销毁。废液每周五上午收集。",
        "安全。紧急出口在东侧走廊。灭火器每季度检查一次。",
    ),
}
"""The pages of each handbook, by the name of its file."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question, and the file that answers it; None where no handbook does."""

    text: str
    file: str | None


_ANSWERED = {
    "travel.txt": (
        "Through which agency are flights booked at Norvik?",
        "From what flight length may business class be booked?",
        "What is the limit for a hotel night in Oslo?",
        "Within how many days must expenses be claimed, and with which form?",
        "Below what amount need receipts not be kept?",
    ),
    "leave.txt": (
        "How many days of paid leave does an employee have?",
        "By what date must leave that was carried over be taken?",
        "How many weeks of parental leave may each parent take?",
        "From which day of an illness is a doctor's note needed?",
    ),
    "ships.txt": (
        "How many passengers does the ferry Havørn carry?",
        "What is the top speed of the ferry Skarv?",
        "How many tonnes does the crane of the Lunde lift?",
        "Where was the Havørn built?",
        "In which year was the Skarv overhauled?",
    ),
    "security.txt": (
        "How many characters must a password have?",
        "What colour is the badge of a visitor?",
        "To whom is a lost laptop reported?",
        "At which extension is the help desk?",
        "At which gate are badges returned?",
    ),
    "canteen.txt": (
        "When is the canteen open?",
        "What does a lunch cost?",
        "Who is the cook of the canteen?",
        "How much do guests pay in the canteen?",
    ),
    "员工手册.txt": (
        "每周哪一天可以在家办公？",
        "入职第一年有多少天年假？",
        "差旅费用须在多少天内报销？",
        "报销使用哪个表格？",
        "每晚住宿标准是多少？",
        "午休时间有多长？",
    ),
    "产品说明.txt": (
        "X9 的电池容量是多少？",
        "滤网多久更换一次？",
        "指示灯闪三下红光表示什么？",
        "水箱容量是多少？",
        "客服电话是多少？",
        "X9 充满电需要几小时？",
    ),
    "实验室.txt": (
        "进入实验室必须穿什么颜色的防护服？",
        "三号炉的最高温度是多少？",
        "样品保存多久？",
        "谁负责销毁样品？",
        "灭火器多久检查一次？",
        "紧急出口在哪里？",
    ),
}

_UNANSWERED = (
    "How many employees work in the Hamburg office?",
    "What is the salary of a captain?",
    "Which insurance covers the ferry passengers?",
    "What is the name of the chief executive?",
    "How large is the parking garage?",
    "Which bank does the company use?",
    "What is the boiling point of ethanol?",
    "Who won the chess championship of 1972?",
    "公司的股票代码是什么？",
    "X9 的价格是多少？",
    "实验室的面积有多大？",
    "公司的创始人是谁？",
    "北京办公室的地址在哪里？",
    "健身房几点开门？",
    "珠穆朗玛峰有多高？",
    "公司去年的利润是多少？",
)

QUESTIONS = (
    *(Question(text, file) for file, texts in _ANSWERED.items() for text in texts),
    *(Question(text, None) for text in _UNANSWERED),
)

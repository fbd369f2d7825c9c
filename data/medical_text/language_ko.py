"""The Korean data set: ordinary words that fill the remaining slots, and the parts joined."""

from __future__ import annotations

from random import Random

from .frames_ko import FRAMES
from .korean import PARTICLES, attach
from .model import Filler, Language
from .vocabulary_ko import TOPICS

DESCRIPTIONS = {
    "Disease": "질병, 질환, 증후군 등 진단명",
    "Drug": "약물의 성분명",
    "Procedure": "이름이 있는 검사, 수술, 시술, 치료법",
    "Biomarker": "검체에서 측정하는 물질, 유전자, 항원, 항체",
}


def patient(rng: Random) -> str:
    """Return a patient phrase that fits the age."""
    age = rng.randint(19, 88)
    sex = rng.choice(("남자", "여자", "남성", "여성"))
    return rng.choice((f"{age}세 {sex} 환자", f"{age}세의 {sex} 환자", f"{age}세 환자"))


def short_period(rng: Random) -> str:
    """Return some days or weeks."""
    return rng.choice((f"{rng.randint(3, 10)}일", f"{rng.randint(2, 8)}주"))


def period(rng: Random) -> str:
    """Return a length of time."""
    longer = (f"{rng.randint(2, 11)}개월", f"{rng.randint(2, 9)}년")
    return rng.choice((short_period(rng), *longer))


def ago(rng: Random) -> str:
    """Return a point in the past."""
    fixed = ("사흘 전", "일주일 전", "한 달 전", "작년 가을", "올해 초", "지난달")
    return rng.choice((*fixed, f"{rng.randint(2, 12)}년 전", f"{rng.randint(2, 9)}개월 전"))


def vital_signs(rng: Random) -> str:
    """Return vital signs, which are never mentions."""
    pressure = f"혈압 {rng.randint(98, 158)}/{rng.randint(56, 96)} mmHg"
    pulse, heat = rng.randint(58, 112), rng.randint(362, 388) / 10
    return rng.choice((f"{pressure}, 맥박 {pulse}회", f"{pressure}, 체온 {heat:.1f}℃"))


def stage(rng: Random) -> str:
    """Return a point in the hospital stay."""
    day = rng.randint(2, 14)
    fixed = ("오늘 오전", "어제 저녁", "이번 외래", "금일 아침", "지난 주말")
    return rng.choice((*fixed, f"입원 {day}일째", f"{day:02d}시 {rng.randint(1, 5)}0분"))


def choice_of(*words: str) -> Filler:
    """Return a filler that picks one of the words."""
    return lambda rng: rng.choice(words)


FILLERS: dict[str, Filler] = {
    "환자": patient,
    "기간": period,
    "단기": short_period,
    "전": ago,
    "활력": vital_signs,
    "때": stage,
    "연령": choice_of("40세", "50세", "60세", "65세", "75세"),
    "용량": choice_of("5 mg", "10 mg", "20 mg", "50 mg", "100 mg", "250 mg", "1 g", "2.5 mg"),
    "횟수": choice_of("하루 한 번", "하루 두 번", "하루 세 번", "아침마다", "이틀에 한 번"),
    "장소": choice_of("중환자실", "일반 병동", "응급실", "준중환자실", "격리실", "5층 병동"),
    "보호자": choice_of("배우자", "아들", "딸", "어머니", "간병인", "동생"),
    "날짜": lambda rng: f"{rng.randint(1, 12)}월 {rng.randint(1, 28)}일",
    "비율": lambda rng: f"{rng.randint(21, 890) / 10:.1f}%",
    "수": lambda rng: str(rng.randint(24, 980)),
}

KOREAN = Language(
    code="ko",
    folder="ko-medical",
    seed=20240817,
    sizes={"train": 696, "test": 77},
    topics=TOPICS,
    frames=FRAMES,
    fillers=FILLERS,
    attach=attach,
    value_slot="값",
    capitals=False,
    particles=PARTICLES,
    descriptions=DESCRIPTIONS,
)

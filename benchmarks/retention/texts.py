"""Korean sentences of a small world with every task, and sentences that name what they hold.

What a base is taught, what is replayed, what teaches without gold and what retention is scored on
are drawn from the same sentences with different seeds.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

NAMES: Mapping[str, Sequence[str]] = {
    "사람": ("박미나", "이도윤", "최서준", "정하린", "한지우", "오세라", "문태호", "윤가온"),
    "기관": ("푸른은행", "한빛대학", "새벽신문", "너른마트", "솔바람협회", "다온연구소"),
    "도시": ("부산", "대구", "광주", "춘천", "여수", "경주", "속초"),
    "나라": ("태국", "칠레", "노르웨이", "케냐", "페루", "핀란드"),
    "제품": ("전기담요", "무선청소기", "캠핑의자", "유리주전자", "손목시계", "태양등"),
    "동물": ("너구리", "수달", "고라니", "올빼미", "두루미", "고슴도치"),
    "음식": ("비빔밥", "냉면", "파전", "만두", "수제비", "떡국"),
    "종목": ("배구", "탁구", "씨름", "양궁", "펜싱", "수영"),
    "책": ("달빛사전", "숲의노래", "오래된지도", "바다편지", "겨울정원"),
    "탈것": ("자전거", "카누", "트럭", "열차", "오토바이"),
    "언어": ("스페인어", "독일어", "터키어", "아랍어", "베트남어"),
    "금액": ("3만원", "42만원", "900원", "15만원", "7천원"),
}
TOPICS = ("경제", "여행", "운동", "자연")
TONES = ("긍정", "부정")
GOOD, BAD = ("기쁘게", "신나게", "즐겁게"), ("억지로", "슬프게", "힘들게")
# topic, sentence; {how} tells the tone.
FRAMES: Sequence[tuple[str, str]] = (
    ("경제", "{사람} 은 {기관} 에서 일하며 {how} {제품} 을 {금액} 에 팔았다 ."),
    ("경제", "{기관} 의 {사람} 은 {제품} 을 {how} {금액} 에 내놓았다 ."),
    ("여행", "{사람} 은 {탈것} 을 타고 {how} {도시} 로 떠났다 ."),
    ("여행", "{나라} 에서 온 {사람} 은 {언어} 로 {how} {도시} 를 안내했다 ."),
    ("여행", "{사람} 은 {도시} 에서 {음식} 을 {how} 먹었다 ."),
    ("운동", "{사람} 은 {기관} 의 {종목} 경기에 {how} 나갔다 ."),
    ("운동", "{도시} 에서 열린 {종목} 대회를 {사람} 이 {how} 보았다 ."),
    ("자연", "{사람} 은 {나라} 의 숲에서 {동물} 을 {how} 보았다 ."),
    ("자연", "{책} 에는 {동물} 이 {how} 나온다고 {사람} 이 말했다 ."),
)


def labelled(draw: random.Random, name: str) -> dict[str, Any]:
    """Draw a record with its entities alone."""
    found = record(draw, name)
    return {**found, "output": {"entities": found["output"]["entities"]}}


MEDICAL: Mapping[str, Sequence[str]] = {
    "질병": ("당뇨병", "고혈압", "폐렴", "빈혈", "천식", "위염", "간염", "골절"),
    "약물": ("메트포르민", "아스피린", "인슐린", "와파린", "리튬", "칼륨"),
    "시술": ("내시경", "투석", "수혈", "절제술", "봉합"),
    "검사": ("혈당", "백혈구", "심전도", "초음파", "소변검사"),
}
MEDICAL_FRAMES: Sequence[str] = (
    "환자 는 {질병} 으로 {약물} 을 받았다 .",
    "{검사} 에서 {질병} 이 의심되어 {시술} 을 했다 .",
    "{시술} 뒤에 {약물} 을 늘리고 {검사} 를 다시 했다 .",
    "{질병} 은 나았고 {약물} 은 끊었다 .",
    "어제 {시술} 을 마친 환자 는 {검사} 가 좋다 .",
)


def medical(draw: random.Random, name: str) -> dict[str, Any]:
    """Draw a record with the four labels that are tuned on."""
    frame = draw.choice(MEDICAL_FRAMES)
    held = {kind: draw.choice(names) for kind, names in MEDICAL.items() if f"{{{kind}}}" in frame}
    entities = {kind: [held[kind]] if kind in held else [] for kind in MEDICAL}
    return {"id": name, "input": frame.format(**held), "output": {"entities": entities}}


def record(draw: random.Random, name: str) -> dict[str, Any]:
    """Draw a record of gliner2's format with all four tasks."""
    topic, frame = draw.choice(FRAMES)
    tone = draw.choice(TONES)
    kinds = [kind for kind in NAMES if f"{{{kind}}}" in frame]
    held = {kind: draw.choice(NAMES[kind]) for kind in kinds}
    text = frame.format(how=draw.choice(GOOD if tone == "긍정" else BAD), **held)
    relations = []
    if {"사람", "기관"} <= held.keys():
        relations.append({"근무": {"head": held["사람"], "tail": held["기관"]}})
    if {"사람", "도시"} <= held.keys():
        relations.append({"방문": {"head": held["사람"], "tail": held["도시"]}})
    structures = []
    if {"제품", "금액"} <= held.keys():
        structures.append({"거래": {"제품": held["제품"], "금액": held["금액"]}})
    return {
        "id": name,
        "input": text,
        "output": {
            "entities": {kind: [held[kind]] if kind in held else [] for kind in NAMES},
            "classifications": [
                {"task": "주제", "labels": list(TOPICS), "true_label": [topic]},
                {"task": "어조", "labels": list(TONES), "true_label": [tone]},
            ],
            "relations": relations,
            "json_structures": structures,
        },
    }


def write_records(
    path: Path, count: int, seed: int, make: Callable[[random.Random, str], Any] = record
) -> None:
    """Write records of the world."""
    draw = random.Random(seed)
    records = [make(draw, f"{path.stem}-{number}") for number in range(count)]
    lines = "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in records)
    path.write_text(lines, encoding="utf-8")

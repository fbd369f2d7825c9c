"""Korean particles: the form that follows a word's last sound."""

from __future__ import annotations

# Marker in a frame -> form after a consonant, form after a vowel.
PAIRS = {
    "은": ("은", "는"),
    "이": ("이", "가"),
    "을": ("을", "를"),
    "과": ("과", "와"),
    "으로": ("으로", "로"),
    "이나": ("이나", "나"),
    "이라는": ("이라는", "라는"),
}
PARTICLES = (
    "으로", "에서", "에게", "까지", "부터", "보다", "처럼", "이나", "이라는", "라는",
    "은", "는", "이", "가", "을", "를", "과", "와", "로", "에", "의", "도", "만", "나",
)  # fmt: skip
# How the last letter or digit of a name is read aloud: its final consonant, or "".
LETTER_FINALS = {"L": "ㄹ", "M": "ㅁ", "N": "ㄴ", "R": "ㄹ"}
DIGIT_FINALS = {"0": "ㅇ", "1": "ㄹ", "3": "ㅁ", "6": "ㄱ", "7": "ㄹ", "8": "ㄹ"}
READ_AS = {"PD-L1": "ㄴ", "ROS1": "ㄴ", "BRCA1": "ㄴ", "BCR-ABL1": "ㄴ", "NPM1": "ㄴ"}
READ_AS |= {"SMN1": "ㄴ", "NF1": "ㄴ", "FBN1": "ㄴ", "IGF-1": "ㄴ", "sFlt-1": "ㄴ", "KL-6": ""}
READ_AS |= {"MET": "ㅅ", "RET": "ㅅ", "CALR": "ㄹ", "FLT3": ""}
FINALS = " ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ"  # by place in the syllable block
UNIT_END = ("/", "%")


def final_sound(word: str) -> str:
    """Return the final consonant with which ``word`` is read, or an empty string."""
    if word in READ_AS:
        return READ_AS[word]
    last = word.rstrip(")")[-1]
    if last == "g":
        return "ㅁ"  # 그램
    if any(sign in word for sign in UNIT_END):
        return ""  # 퍼센트, 리터: every other unit used here ends in a vowel
    if "가" <= last <= "힣":
        return FINALS[(ord(last) - ord("가")) % 28].strip()
    return LETTER_FINALS.get(last, DIGIT_FINALS.get(last, ""))


def attach(word: str, particle: str) -> str:
    """Return the form of ``particle`` that follows ``word``."""
    if particle not in PAIRS:
        return particle
    after_consonant, after_vowel = PAIRS[particle]
    final = final_sound(word)
    open_ending = not final or (particle == "으로" and final == "ㄹ")
    return after_vowel if open_ending else after_consonant

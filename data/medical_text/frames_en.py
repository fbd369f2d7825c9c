"""English sentence frames, one a line: ``{D}`` is a disease, ``{R}`` a drug."""

from __future__ import annotations

from .model import Frame, frames_of

NOTE = frames_of(
    "progress note",
    opening="""
{Patient} with {D} and {D}, seen on {day}.
{Patient} admitted for {D}; history of {D} and {D}.
Follow-up for {D}, complicated by {D}.
Transferred from {ward} with {D}, now on {R}.
Known {D} on {O}, presenting with {symptom}.
""",
    body="""
Started {R} for {D} and stopped {R}.
{B} rose to {value}, so {R} was increased to {dose}.
{T} ordered to rule out {D}.
Differential includes {D}, {D} and {D}.
Tolerating {R} well, no sign of {D}.
Plan: {S} once {D} is controlled.
If there is no response to {R}, consider {S}.
{D} is stable on {R}, {D} on {R}.
Will recheck {B} and {B} in {soon}.
New {symptom} overnight, likely due to {D}.
{I} given once for {symptom}.
Switched from {R} to {R} because of {symptom}.
{G} positive, which makes {D} more likely.
Past history of {D} and {D}, otherwise unremarkable.
{D} improving after {S}.
Discussed {S} with the family, who agreed.
Hold {O} until {B} falls below {value}.
""",
    plain="""
Slept well and ate half of breakfast.
Vital signs stable, {vitals}.
Reports less {symptom} than yesterday.
Walked the corridor twice with help.
Will discuss the plan with {department}.
Family updated at the bedside.
""",
)

DISCHARGE = frames_of(
    "discharge summary",
    opening="""
{Patient} was admitted with {symptom} and was found to have {D}.
{Patient} with a history of {D} and {D} was admitted for {S}.
On admission {D}, {D} and {D} were noted.
The patient had been treated for {D} with {O} before this admission.
{Patient} was referred to {department} for evaluation of {D}.
""",
    body="""
During the stay the patient developed {D} and was treated with {R}.
{T} showed {D}, and {S} was performed.
The patient was discharged on {O}, {O} and {O}.
After {S} there was no evidence of {D}.
{R} was given at {dose} {frequency}, and the {D} resolved.
The {B} was {value} on admission and returned to normal before discharge.
The patient reacted to {R}, which was replaced by {R}.
{D} was suspected on day three, but {T} was normal.
A family history of {D} was the reason for {T}.
The final diagnosis was {D}, while {D} was excluded.
The patient declined {S} for {D}.
{O} was stopped because of {D}.
Treatment of {D} included {R} and {R}.
{B} should be measured again in {soon}.
The patient was taught how to use {R} and when to report signs of {D}.
Both {D} and {D} improved before discharge.
""",
    plain="""
The patient was discharged home in good condition.
Please return to the {department} clinic in {soon}.
No falls occurred during the stay.
The {symptom} had settled by the last day.
The hospital course was otherwise uneventful.
A copy of this letter was given to the patient.
""",
)

CASE = frames_of(
    "case report",
    opening="""
We report {D} complicated by {D} in {a_patient}.
{Patient} presented with {symptom} lasting {period} and was diagnosed with {D}.
{Patient} taking {O} for {D} developed {D}.
{Patient} had undergone {S} for {D} {period} earlier.
""",
    body="""
{T} revealed findings that suggested {D}.
Because {D} was suspected, we performed {T}.
The {B} was {value} and the {B} was twice the normal limit.
Despite treatment with {R} and {R}, the {D} worsened.
The {D} improved quickly after {S}.
{G} was negative, so {D} was considered more likely than {D}.
{R} was continued for {period}, and the {B} became normal.
The {D} was resistant to {R} and was treated with {R} instead.
We believe that {R} caused the {D}.
Repeat {T} showed no recurrence of the {D}.
This patient progressed from {D} to {D}.
The {symptom} disappeared {soon} after the first dose of {I}.
The lesion in the {site} proved to be {D}.
The presentation resembled {D}, {D} or {D}.
{S} was followed by treatment with {R}.
The patient, who also had {D}, was cared for in {ward}.
""",
    plain="""
On examination the {site} was tender, but nothing was palpable.
The patient did not smoke and had not travelled recently.
Nobody in the family had similar symptoms.
The patient has been well for {period}.
Vital signs on arrival were {vitals}.
Written consent was obtained.
""",
)

TEXTBOOK = frames_of(
    "textbook",
    opening="""
The most common cause of {D} is {D}.
Patients with {D} often develop {D}.
Untreated {D} may progress to {D}.
First-line treatment of {D} includes {R} and {R}.
{D} and {D} share many early symptoms.
""",
    body="""
{T} is the best way to diagnose {D}.
{B} increases with the severity of {D}.
{R} is effective in {D} but contraindicated in {D}.
Risk factors for {D} include {D}, {D} and {D}.
{S} should be considered when {D} does not respond to drugs.
Regular measurement of {B} is needed during treatment with {R}.
{G} is often found in {D}.
{D} must be distinguished from {D}, usually by {T}.
{R} acts longer than {R} and is given once daily.
The most serious complication of {D} is {D}.
Pregnant women with {D} should not take {O}.
About {percent} of patients with {D} also have {D}.
A {B} above {value} suggests {D}.
Either {R} or {R} reduces the recurrence of {D}.
In children, {D} runs a milder course than {D}.
After {S}, patients should be watched for {D}.
""",
    plain="""
A careful history is the first step towards a diagnosis.
Early disease may cause nothing but {symptom}.
The incidence rises with age and is similar in men and women.
The goal of treatment is to relieve symptoms.
The outlook depends on age and general health.
Changes in lifestyle are advised for everyone.
""",
)

EDUCATION = frames_of(
    "patient education",
    opening="""
Good control of {D} can prevent {D}.
If you have {D}, you should also watch for {D}.
Please read this before you take {O} for the first time.
Many people with {D} ask whether they can take {O}.
""",
    body="""
Do not stop taking {O} on your own, because your {D} may return.
Worsening {symptom} may be a sign of {D}.
You can take {O} {frequency} with or without food.
Ask your doctor before you combine {O} with {O}.
Do not eat after midnight before your {T}.
Checking your {B} every {period} helps us find {D} early.
After {S} you should not lift anything heavy for {soon}.
Tell us if you have ever had {D} or {D}.
Keep {I} in the refrigerator and inject it in a different place each time.
Your doctor may suggest {S} if {O} does not help your {D}.
{D} is not contagious, so you can stay with your family.
Doctors use {T} to look for {D}.
People with {D}, {D} or {D} should get a flu shot every year.
{O} is used to treat {D} and may cause {symptom}.
There is no cure for {D}, but {R} keeps it under control.
""",
    plain="""
If you miss a dose, do not take two at once.
Call the {department} clinic if you have any questions.
Drink plenty of water and eat less salt.
Go to the emergency room if {symptom} gets worse.
Bring all your medicines to the next visit.
Try to walk for half an hour every day.
""",
)

REPORT = frames_of(
    "report and consultation",
    opening="""
Clinical information: suspected {D}, history of {D}.
{Patient} with {D} and {D} is referred to {department}.
We would appreciate your advice on {a_patient} with {D} who is taking {R}.
Indication for {T}: follow-up of {D}.
""",
    body="""
Findings are consistent with {D}; there is no evidence of {D}.
{B} {value}, {B} within the reference range.
{G} positive, {G} negative.
{G} is found in {percent} of patients with {D}.
Impression: {D}, less likely {D}.
{T} is recommended to confirm {D}.
Changes after {S}; no recurrence of {D}.
The fall in {B} suggests a response to {R}.
May we continue {R} in view of the {D}?
Please tell us whether {S} is safe in a patient with {D}.
The patient has failed {R} and {R} for {D}.
We suggest {R} rather than {R}, which may worsen {D}.
The choice of {R} depends on {G}.
The previously known {D} is unchanged, but {D} is new.
An elevated {B} can be seen in {D} and {D}.
""",
    plain="""
The specimen was adequate.
There is no significant change from the previous report.
Image quality was limited by motion.
Thank you for seeing this patient.
The {site} appears normal.
The result was phoned to the ward on {day}.
""",
)

STUDY = frames_of(
    "study abstract",
    opening="""
We studied the effect of {R} in {number} patients with {D}.
The association between {D} and {D} was examined in {number} adults.
The prognostic value of {B} in {D} is unclear.
We reviewed {number} patients who underwent {S} for {D}.
""",
    body="""
At baseline {percent} had {D} and {percent} had {D}.
The rate of {D} was {percent} lower with {R} than with {R}.
{B} was an independent predictor of {D}.
{S} caused fewer complications than {S}.
Patients with {D} or {D} were excluded.
Only cases of {D} confirmed by {T} were included.
The response to {R} was better in patients positive for {G}.
Common adverse events were {D} and {symptom}.
The results did not change after adjustment for {D}, {D} and {D}.
Median {B} was {value} in the group with {D}.
Treatment with {R} plus {R} prolonged survival in {D}.
Early {S} reduced the burden of {D}.
{T} had a sensitivity of {percent} for {D}.
A history of {D} doubled the risk of {D}.
In patients who had failed {R}, {R} was an alternative.
""",
    plain="""
The two groups did not differ in age or sex.
Median follow-up was {period}.
All participants gave written consent.
The small sample is a limitation of this study.
Larger trials are needed.
Data came from the records of several hospitals.
""",
)

FRAMES: tuple[Frame, ...] = (
    *NOTE,
    *DISCHARGE,
    *CASE,
    *TEXTBOOK,
    *EDUCATION,
    *REPORT,
    *STUDY,
)

"""Named parts of the 478-point mediapipe mesh (attention mesh, ``refine_landmarks=True``).

The moving set was chosen by measurement: on 15 GRID speakers, the points below the nose whose
position, once the head is held still by ``RIGID``, varies by more than 0.9 % of the distance
between the outer eye corners (or whose mirror image does), without the two middle rings of the
lips, which lie too close to the outer and inner rings to be warped apart.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

#: Points of the full mesh, iris included.
MESH_POINTS: Final = 478
# fmt: off
#: Middle of the forehead, eye corners, nose, cheekbones: still while the mouth speaks. The temples
#: and the sides of the forehead are left out: mediapipe lets them slide as the head turns.
RIGID: tuple[int, ...] = (
    1, 2, 4, 5, 6, 8, 9, 10, 33, 36, 50, 67, 94, 98, 100, 101, 108, 109, 111, 116, 117, 118,
    119, 123, 133, 151, 168, 195, 197, 263, 266, 280, 297, 327, 329, 330, 337, 338, 340, 345,
    346, 347, 348, 352, 362,
)
#: Outer lip line, closed ring from the subject's right corner over the lower lip.
LIPS_OUTER: tuple[int, ...] = (
    61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185,
)
#: Inner lip line, in the same order.
LIPS_INNER: tuple[int, ...] = (
    78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191,
)
#: What moves: both lip lines, chin, lower jaw line, lower cheeks.
MOUTH_JAW: tuple[int, ...] = (
    0, 13, 14, 17, 18, 32, 37, 39, 40, 43, 57, 58, 61, 78, 80, 81, 82, 83, 84, 87, 88, 91, 92,
    95, 106, 135, 136, 138, 140, 146, 148, 149, 150, 152, 165, 169, 170, 171, 172, 175, 176,
    178, 181, 182, 185, 186, 187, 191, 192, 194, 199, 200, 201, 202, 204, 205, 206, 207, 208,
    210, 211, 212, 213, 214, 215, 216, 262, 267, 269, 270, 273, 287, 288, 291, 308, 310, 311,
    312, 313, 314, 317, 318, 321, 322, 324, 335, 364, 365, 367, 369, 375, 377, 378, 379, 391,
    394, 395, 396, 397, 400, 402, 405, 406, 409, 410, 411, 415, 416, 418, 421, 422, 424, 425,
    426, 427, 428, 430, 431, 432, 433, 434, 435, 436,
)
#: The mirror image of each point of MOUTH_JAW, in its order.
MOUTH_JAW_MIRRORED: tuple[int, ...] = (
    0, 13, 14, 17, 18, 262, 267, 269, 270, 273, 287, 288, 291, 308, 310, 311, 312, 313, 314,
    317, 318, 321, 322, 324, 335, 364, 365, 367, 369, 375, 377, 378, 379, 152, 391, 394, 395,
    396, 397, 175, 400, 402, 405, 406, 409, 410, 411, 415, 416, 418, 199, 200, 421, 422, 424,
    425, 426, 427, 428, 430, 431, 432, 433, 434, 435, 436, 32, 37, 39, 40, 43, 57, 58, 61, 78,
    80, 81, 82, 83, 84, 87, 88, 91, 92, 95, 106, 135, 136, 138, 140, 146, 148, 149, 150, 165,
    169, 170, 171, 172, 176, 178, 181, 182, 185, 186, 187, 191, 192, 194, 201, 202, 204, 205,
    206, 207, 208, 210, 211, 212, 213, 214, 215, 216,
)
#: Mesh neighbours of MOUTH_JAW that stay: nose base, upper cheeks, sides of the jaw.
BORDER: tuple[int, ...] = (
    36, 50, 97, 98, 101, 123, 132, 147, 164, 167, 177, 203, 266, 280, 326, 327, 330, 352, 361,
    376, 393, 401, 423,
)
#: What moves with eyes and brows: lids, the skin around them, brows, irises.
EYES: tuple[int, ...] = (
    7, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 33, 35, 46, 52, 53, 55, 56, 63, 65, 66, 70, 105,
    107, 110, 111, 112, 113, 121, 124, 128, 130, 133, 144, 145, 153, 154, 155, 156, 157, 158, 159,
    160, 161, 163, 173, 189, 190, 221, 222, 223, 224, 225, 226, 228, 229, 230, 231, 232, 233, 243,
    246, 247, 249, 252, 253, 254, 255, 256, 257, 258, 259, 260, 261, 263, 265, 276, 282, 283, 285,
    286, 293, 295, 296, 300, 334, 336, 339, 340, 341, 342, 350, 353, 357, 359, 362, 373, 374, 380,
    381, 382, 383, 384, 385, 386, 387, 388, 390, 398, 413, 414, 441, 442, 443, 444, 445, 446, 448,
    449, 450, 451, 452, 453, 463, 466, 467, 468, 469, 470, 471, 472, 473, 474, 475, 476, 477,
)
#: Edges of the upper lids, the subject's right eye first, and the point of the lower lid that
#: each of them meets.
UPPER_LIDS: tuple[int, ...] = (
    246, 161, 160, 159, 158, 157, 173, 466, 388, 387, 386, 385, 384, 398,
)
LOWER_LIDS: tuple[int, ...] = (
    7, 163, 144, 145, 153, 154, 155, 249, 390, 373, 374, 380, 381, 382,
)
#: The rings between the outer and the inner lip line, of the full mesh only.
LIPS_MIDDLE: tuple[int, ...] = (
    11, 12, 15, 16, 38, 41, 42, 62, 72, 73, 74, 76, 77, 85, 86, 89, 90, 96, 179, 180, 183, 184,
    268, 271, 272, 292, 302, 303, 304, 306, 307, 315, 316, 319, 320, 325, 403, 404, 407, 408,
)
#: Outer eye corners (subject's right, left): their distance is the unit of length everywhere.
EYE_OUTER: tuple[int, int] = (33, 263)
#: Middle of the inner upper and lower lip: their distance is the mouth opening.
LIP_TOP_BOTTOM: tuple[int, int] = (13, 14)
#: Inner upper lip from corner to corner, and the lower-lip point that each of them meets.
INNER_UPPER: tuple[int, ...] = (191, 80, 81, 82, 13, 312, 311, 310, 415)
INNER_LOWER: tuple[int, ...] = (95, 88, 178, 87, 14, 317, 402, 318, 324)
#: Corners of the mouth (subject's right, left).
LIP_CORNERS: tuple[int, int] = (61, 291)

#: Sorted union of all of the above: what is kept of every frame.
STORED: tuple[int, ...] = tuple(
    sorted({*RIGID, *LIPS_OUTER, *LIPS_INNER, *MOUTH_JAW, *BORDER, *EYE_OUTER, *LIP_CORNERS})
)
_POSITION = {mesh: stored for stored, mesh in enumerate(STORED)}
_POSITION_IN_MOUTH = {mesh: row for row, mesh in enumerate(MOUTH_JAW)}


def stored(indices: tuple[int, ...]) -> NDArray[np.intp]:
    """Positions inside ``STORED`` of mesh ``indices`` (KeyError when one is not stored)."""
    return np.array([_POSITION[i] for i in indices], dtype=np.intp)


def in_mouth(indices: tuple[int, ...]) -> NDArray[np.intp]:
    """Positions inside ``MOUTH_JAW`` of mesh ``indices`` (KeyError when one does not move)."""
    return np.array([_POSITION_IN_MOUTH[i] for i in indices], dtype=np.intp)


def rows(indices: tuple[int, ...], points: int) -> NDArray[np.intp]:
    """Rows of mesh ``indices`` in an array of ``points`` landmarks.

    ``points`` is 478 (or 468, without iris) for the full mesh, ``len(STORED)`` for the stored
    subset; anything else raises ValueError.
    """
    if points == len(STORED):
        return stored(indices)
    if points in (468, MESH_POINTS):
        return np.array(indices, dtype=np.intp)
    raise ValueError(f"{points} landmarks are neither the full mesh nor the {len(STORED)} stored")

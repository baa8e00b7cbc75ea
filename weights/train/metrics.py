"""The figures by which sovit-nano is judged, from tokens, pooled embeddings and the scenes' answers.

Plain numpy on purpose: the same sums can be written in another language, and shall give the same figures.
All cosines are taken of vectors of length 1; `labels` are the shipped table's rows.
"""

import numpy as np

INSIDE = 0.6  # share of a patch that its object must cover for the patch to count as inside


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def pooled_top1(pooled: np.ndarray, labels: np.ndarray, present: np.ndarray) -> float:
    """Share of scenes of one object whose pooled embedding [N, C] is nearest to that object's name."""
    return float((np.argmax(unit(pooled) @ labels.T, 1) == present.argmax(1)).mean())


def recall(pooled: np.ndarray, labels: np.ndarray, present: np.ndarray) -> float:
    """Of a scene's k concepts, how many are among the k nearest names; over all concepts of all scenes.

    Concepts mostly hidden (present -1) are left out of the ranking.
    """
    cosines = np.where(present < 0, -2, unit(pooled) @ labels.T)
    hits = 0
    for scores, there in zip(cosines, present == 1):
        nearest = np.argsort(-scores, kind="stable")[: there.sum()]
        hits += there[nearest].sum()
    return float(hits / (present == 1).sum())


def patch_top1(tokens: np.ndarray, labels: np.ndarray, label: np.ndarray, cover: np.ndarray) -> float:
    """Share of the patches inside objects that are nearest to the object's name; tokens [N, P, C]."""
    inside = (label >= 0) & (cover >= INSIDE)
    return float((np.argmax(unit(tokens[inside]) @ labels.T, 1) == label[inside]).mean())


def false_fire(tokens: np.ndarray, labels: np.ndarray, label: np.ndarray, scale: float, bias: float) -> float:
    """Share of the background's patches for which some concept's sigmoid is above one half."""
    cosines = (unit(tokens[label == -1]) @ labels.T).max(1)
    return float((scale * cosines + bias > 0).mean())


def map_auc(tokens: np.ndarray, label: np.ndarray, cover: np.ndarray, centred: bool) -> float:
    """How well the cosine to one patch of an object finds the rest of it: area under the ROC curve, mean over objects.

    The patch asked for is the object's first of largest cover. Against: other objects and background; patches
    that count as neither are left out. `centred`: the picture's mean token is subtracted first.
    """
    areas = []
    for n in range(len(tokens)):
        vectors = unit(tokens[n] - tokens[n].mean(0) if centred else tokens[n])
        for concept in np.unique(label[n][label[n] >= 0]):
            own = np.flatnonzero(label[n] == concept)
            query = own[np.argmax(cover[n][own])]
            cosines = vectors @ vectors[query]
            found, others = cosines[own[own != query]], cosines[(label[n] > -2) & (label[n] != concept)]
            if len(found) and len(others):
                areas.append(_auc(found, others))
    return float(np.mean(areas))


def _auc(found: np.ndarray, others: np.ndarray) -> float:
    """Share of pairs in which the found is greater than the other; ties count one half."""
    ranked = np.sort(others)
    below, upto = np.searchsorted(ranked, found, "left"), np.searchsorted(ranked, found, "right")
    return float((below + upto).mean() / 2 / len(others))

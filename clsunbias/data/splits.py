"""Splits of speakers where a corpus has none: stratified by class, with a seed of their own."""

from dataclasses import dataclass

import pandas as pd

from clsunbias.errors import InputError


@dataclass(frozen=True)
class SplitPlan:
    """How speakers without a split get one. No speaker is ever in two.

    Args:
        val: share of the undecided speakers for validation; default the corpus's own.
        test: share of them for the test, unless the corpus has test speakers; default the corpus's own.
        folds: instead of shares, this many parts: ``fold`` is the test (or, if the corpus has test speakers, the
            validation) part, the next one validation, the rest training. 0 for none.
        fold: which part, from 0.
        seed: of the draw; apart from the seed of a run.

    Raises:
        InputError: shares that leave nothing to train on, or no such fold.
    """

    val: float | None = None
    test: float | None = None
    folds: int = 0
    fold: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        shares = [share for share in (self.val, self.test) if share is not None]
        if any(not 0 < share < 1 for share in shares) or sum(shares) >= 1:
            raise InputError(f"the shares of val and test lie between 0 and 1 and leave some to train on; got {shares}")
        if self.folds and (self.folds < 3 or not 0 <= self.fold < self.folds):
            raise InputError(f"there are at least 3 folds, counted from 0; got fold {self.fold} of {self.folds}")
        if self.folds and shares:
            raise InputError("give shares for val and test, or folds, not both")

    def assign(self, rows: pd.DataFrame, shares: tuple[float, float], of: str = "speakers") -> pd.DataFrame:
        """Rows with every split filled in.

        Args:
            rows: ``speaker``, ``label``, ``split`` (empty where undecided) and more.
            shares: of ``val`` and ``test`` where the plan names none.
            of: what errors call those in the column ``speaker``.

        Raises:
            InputError: too few speakers of a class.
        """
        from sklearn.model_selection import StratifiedKFold, train_test_split

        speakers = rows.drop_duplicates("speaker")
        undecided = speakers[speakers["split"] == ""].sort_values("speaker")
        if undecided.empty:
            return rows
        has_test = bool((speakers["split"] == "test").any())
        names, labels = undecided["speaker"].to_numpy(), undecided["label"].to_numpy()
        try:
            if self.folds:
                parts = StratifiedKFold(self.folds, shuffle=True, random_state=self.seed).split(names, labels)
                held = [names[part] for _, part in parts]
                chosen = {"test": held[self.fold], "val": held[(self.fold + 1) % self.folds]}
                if has_test:
                    chosen = {"val": held[self.fold]}
            else:
                val, test = self.val or shares[0], self.test or shares[1]
                rest, chosen = names, {}
                if not has_test:
                    rest, chosen["test"] = train_test_split(
                        names, test_size=test, stratify=labels, random_state=self.seed
                    )
                kept = undecided.set_index("speaker").loc[rest, "label"]
                size = round(val * len(names))
                chosen["val"] = train_test_split(rest, test_size=size, stratify=kept, random_state=self.seed)[1]
        except ValueError as error:
            counts = undecided["label"].value_counts().to_dict()
            raise InputError(f"{len(undecided)} {of} (by class: {counts}) cannot be split so: {error}") from error
        split_of = {speaker: "train" for speaker in names}
        split_of |= {speaker: split for split, part in chosen.items() for speaker in part}
        return rows.assign(
            split=[split or split_of[name] for split, name in zip(rows["split"], rows["speaker"], strict=True)]
        )

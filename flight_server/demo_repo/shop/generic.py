"""Type parameters: syntax of Python 3.12, an error for older interpreters."""

type Pair[A, B] = tuple[A, B]
type Names = list[str]


class Box[T: (int, str)](list[T]):
    def put[**P, *Ts](self, item: T, *rest: *Ts) -> "Box[T]":
        self.append(T(item))
        return self


def largest[T](*items: T) -> T:
    return max(items, key=lambda item: f"{str(item) + f"{'x' * 2}"}")

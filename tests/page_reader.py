"""A page of HTML as its elements and its words."""

from html.parser import HTMLParser

Attributes = dict[str, str]
Element = tuple[str, Attributes, str]
# They have no end.
EMPTY = {"meta", "link", "img", "br"}


class Page(HTMLParser):
    """Collects elements as (tag, attributes, text inside that is not hidden), and all words."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[tuple[str, Attributes, list[str]]] = []
        self.elements: list[Element] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.open.append((tag, {key: value or "" for key, value in attrs}, []))
        if tag in EMPTY:
            self.handle_endtag(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag):
        while self.open:
            name, attributes, text = self.open.pop()
            self.elements.append((name, attributes, "".join(text).strip()))
            if name == tag:
                return

    def handle_data(self, data):
        self.words.append(data)
        hidden = any(attributes.get("aria-hidden") == "true" for _, attributes, _ in self.open)
        for _, _, text in () if hidden else self.open:
            text.append(data)

    def all(self, tag: str) -> list[Attributes]:
        return [attributes for name, attributes, _ in self.elements if name == tag]

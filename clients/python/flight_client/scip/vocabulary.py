"""The names of SCIP's enum values by number (https://github.com/sourcegraph/scip, ``scip.proto``).

The number 0, which means unspecified, becomes null. An unknown number, from a newer index, becomes its digits.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType


def names(numbers: Iterable[int], vocabulary: Mapping[int, str]) -> list[str | None]:
    """The name of each number."""
    return [vocabulary.get(number, str(number)) if number else None for number in numbers]


def _numbered(text: str, first: int = 1) -> Mapping[int, str]:
    """Names in the order of their numbers."""
    return MappingProxyType(dict(enumerate(text.split(), first)))


TEXT_ENCODINGS = _numbered("UTF8 UTF16")
POSITION_ENCODINGS = _numbered(
    "UTF8CodeUnitOffsetFromLineStart UTF16CodeUnitOffsetFromLineStart UTF32CodeUnitOffsetFromLineStart"
)
SEVERITIES = _numbered("Error Warning Information Hint")
DIAGNOSTIC_TAGS = _numbered("Unnecessary Deprecated")
SYNTAX_KINDS = _numbered(
    """
    Comment PunctuationDelimiter PunctuationBracket Keyword IdentifierOperator Identifier IdentifierBuiltin
    IdentifierNull IdentifierConstant IdentifierMutableGlobal IdentifierParameter IdentifierLocal IdentifierShadowed
    IdentifierNamespace IdentifierFunction IdentifierFunctionDefinition IdentifierMacro IdentifierMacroDefinition
    IdentifierType IdentifierBuiltinType IdentifierAttribute RegexEscape RegexRepeated RegexWildcard RegexDelimiter
    RegexJoin StringLiteral StringLiteralEscape StringLiteralSpecial StringLiteralKey CharacterLiteral NumericLiteral
    BooleanLiteral Tag TagAttribute TagDelimiter
    """
)
SYMBOL_KINDS = _numbered(
    """
    Array Assertion AssociatedType Attribute Axiom Boolean Class Constant Constructor DataFamily Enum EnumMember Event
    Fact Field File Function Getter Grammar Instance Interface Key Lang Lemma Macro Method MethodReceiver Message Module
    Namespace Null Number Object Operator Package PackageObject Parameter ParameterLabel Pattern Predicate Property
    Protocol Quasiquoter SelfParameter Setter Signature Subscript String Struct Tactic Theorem ThisParameter Trait Type
    TypeAlias TypeClass TypeFamily TypeParameter Union Value Variable Contract Error Library Modifier AbstractMethod
    MethodSpecification ProtocolMethod PureVirtualMethod TraitMethod TypeClassMethod Accessor Delegate MethodAlias
    SingletonClass SingletonMethod StaticDataMember StaticEvent StaticField StaticMethod StaticProperty StaticVariable
    """
)

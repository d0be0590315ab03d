namespace VirtioGuest.Architecture.Tests.Subset;

/// <summary>What arithmetic takes a value on the evaluation stack for (ECMA-335, I.12.3.2.1).</summary>
public enum StackKind
{
    /// <summary>A reference, or a structure that is no number.</summary>
    Other,

    /// <summary>A number of up to 32 bits.</summary>
    Int32,

    /// <summary>A 64-bit number, signed or unsigned: the stack does not tell them apart.</summary>
    Int64,

    /// <summary>An address or a number of its size.</summary>
    Native,

    /// <summary>A floating-point number.</summary>
    Float,
}

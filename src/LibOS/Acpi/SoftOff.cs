using VirtioGuest.LibOS.Boot;

namespace VirtioGuest.LibOS.Acpi;

/// <summary>
/// The values that the object <c>\_S5</c> gives for the sleep type fields (ACPI 6.5, 7.4.2.6), found in AML without an
/// interpreter.
/// </summary>
/// <remarks>
/// Looks for the bytes of <c>Name (_S5, Package () { ... })</c> (20.2.5.1): NameOp, any root or parent prefix, the
/// name, PackageOp, PkgLength, the number of elements, and constants. Anything else is passed over.
/// </remarks>
internal struct SoftOff
{
    private const uint Name = 0x5F35_535F; // "_S5_"

    private const byte NameOp = 0x08;
    private const byte PackageOp = 0x12;
    private const byte RootPrefix = (byte)'\\';
    private const byte ParentPrefix = (byte)'^';

    // No name is this deep; it bounds the look back.
    private const uint MaximumParents = 8;

    /// <summary>Whether the object was found; everything else is 0 without it.</summary>
    public bool IsPresent;

    /// <summary>SLP_TYP for the PM1a control register, 0 to 7.</summary>
    public byte SleepTypeA;

    /// <summary>SLP_TYP for the PM1b control register, 0 to 7.</summary>
    public byte SleepTypeB;

    /// <summary>Finds the object in a definition block's AML.</summary>
    public static bool TryFind(ByteWindow aml, out SoftOff found)
    {
        for (ulong offset = 1; aml.Has(offset, 4); offset++)
        {
            if (aml.Load32(offset) == Name && IsNamed(aml, offset) && TryReadPackage(aml, offset + 4, out found))
            {
                return true;
            }
        }

        found = default;
        return false;
    }

    private static bool IsNamed(ByteWindow aml, ulong name)
    {
        ulong offset = name - 1;
        if (offset > 0 && aml.Load8(offset) == RootPrefix)
        {
            return aml.Load8(offset - 1) == NameOp;
        }

        for (uint parents = 0; parents < MaximumParents && offset > 0 && aml.Load8(offset) == ParentPrefix; parents++)
        {
            offset--;
        }

        return aml.Load8(offset) == NameOp;
    }

    private static bool TryReadPackage(ByteWindow aml, ulong offset, out SoftOff found)
    {
        found = default;
        if (!aml.Has(offset, 3) || aml.Load8(offset) != PackageOp)
        {
            return false;
        }

        // PkgLength, 20.2.4: one byte of 6 bits, or 4 bits and up to three more bytes. It counts itself.
        ulong start = offset + 1;
        byte lead = aml.Load8(start);
        var more = (uint)lead >> 6;
        ulong length = more == 0 ? lead & 0x3FUL : lead & 0x0FUL;
        for (uint index = 0; index < more; index++)
        {
            length |= (ulong)aml.Load8(start + 1 + index) << (int)(4 + 8 * index);
        }

        if (length < more + 2 || !aml.Has(start, length))
        {
            return false;
        }

        ByteWindow body = aml.Part(start + 1 + more, length - 1 - more);
        byte elements = body.Load8(0);
        ulong cursor = 1;
        if (elements == 0 || !AmlConstant.TryRead(body, ref cursor, out ulong first))
        {
            return false;
        }

        // Some firmware puts both types into one number, the second in the next byte.
        ulong second = first >> 8;
        if (elements > 1 && !AmlConstant.TryRead(body, ref cursor, out second))
        {
            return false;
        }

        found.IsPresent = true;
        found.SleepTypeA = (byte)(first & 7);
        found.SleepTypeB = (byte)(second & 7);
        return true;
    }
}

/// <summary>Integers as AML encodes them (ACPI 6.5, 20.2.3).</summary>
internal static class AmlConstant
{
    private const byte ZeroOp = 0x00;
    private const byte OneOp = 0x01;
    private const byte BytePrefix = 0x0A;
    private const byte WordPrefix = 0x0B;
    private const byte DoubleWordPrefix = 0x0C;
    private const byte QuadWordPrefix = 0x0E;
    private const byte OnesOp = 0xFF;

    /// <summary>Reads an integer.</summary>
    /// <param name="body">The AML.</param>
    /// <param name="cursor">Where it begins; afterwards, where what follows begins.</param>
    /// <param name="value">Its value.</param>
    /// <returns>False where there is something else, or nothing any more.</returns>
    public static bool TryRead(ByteWindow body, ref ulong cursor, out ulong value)
    {
        value = 0;
        ulong operand = cursor + 1;
        ulong length;
        if (!body.Has(cursor, 1))
        {
            return false;
        }

        switch (body.Load8(cursor))
        {
            case ZeroOp:
                length = 0;
                break;
            case OneOp:
                length = 0;
                value = 1;
                break;
            case OnesOp:
                length = 0;
                value = ulong.MaxValue;
                break;
            case BytePrefix:
                length = 1;
                value = body.Load8(operand);
                break;
            case WordPrefix:
                length = 2;
                value = body.Load16(operand);
                break;
            case DoubleWordPrefix:
                length = 4;
                value = body.Load32(operand);
                break;
            case QuadWordPrefix:
                length = 8;
                value = body.Load64(operand);
                break;
            default:
                return false;
        }

        cursor = operand + length;
        return body.Has(operand, length);
    }
}

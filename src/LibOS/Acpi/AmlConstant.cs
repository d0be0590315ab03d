using VirtioGuest.LibOS.Boot;

namespace VirtioGuest.LibOS.Acpi;

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

    /// <summary>Reads one.</summary>
    /// <param name="body">The AML.</param>
    /// <param name="cursor">Where it begins; afterwards, where what follows begins.</param>
    /// <param name="value">Its value.</param>
    /// <returns>False where there is something else, or nothing.</returns>
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

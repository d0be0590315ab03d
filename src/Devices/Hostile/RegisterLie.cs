namespace VirtioGuest.Devices.Hostile;

/// <summary>What is read at a place of a register block instead of the truth.</summary>
public sealed class RegisterLie
{
    private readonly LieKind _kind;
    private readonly uint _value;
    private readonly Whims _whims;
    private int _truthsLeft;
    private uint _count;

    /// <summary>Makes a lie.</summary>
    /// <param name="offset">The first byte that it is about.</param>
    /// <param name="length">How many bytes.</param>
    /// <param name="kind">How it lies.</param>
    /// <param name="value">What it says, where it always says the same; which bits are wrong, where some are.</param>
    /// <param name="truths">How many times the truth is told first.</param>
    /// <param name="whims">Who decides the rest.</param>
    public RegisterLie(uint offset, uint length, LieKind kind, uint value, int truths, Whims whims)
    {
        Offset = offset;
        Length = length;
        _kind = kind;
        _value = value;
        _truthsLeft = truths;
        _whims = whims;
    }

    /// <summary>The first byte that it is about.</summary>
    public uint Offset { get; }

    /// <summary>How many bytes it is about.</summary>
    public uint Length { get; }

    /// <summary>Whether it is about a read at a place.</summary>
    public bool Covers(ulong place) => place >= Offset && place - Offset < Length;

    /// <summary>What is read.</summary>
    public uint Answer(uint truth)
    {
        if (_truthsLeft > 0)
        {
            _truthsLeft--;
            return truth;
        }

        _count++;
        return _kind switch
        {
            LieKind.Constant => _value,
            LieKind.Anything => _whims.Edge(),
            LieKind.WrongBits => truth ^ _value,
            LieKind.Counting => _count,
            _ => (_count & 1) != 0 ? _value : truth,
        };
    }
}

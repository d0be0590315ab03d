using System.Collections.Generic;

namespace VirtioGuest.Devices.Hostile;

/// <summary>The lies of one block of registers. Writes are not theirs: a device takes what it is given.</summary>
public sealed class LyingRegisters
{
    private readonly List<RegisterLie> _lies = new List<RegisterLie>();

    /// <summary>Adds a lie. The first one that is about a place counts.</summary>
    public void Add(RegisterLie lie) => _lies.Add(lie);

    /// <summary>What is read at a place.</summary>
    /// <param name="place">Where.</param>
    /// <param name="width">1, 2 or 4 bytes.</param>
    /// <param name="truth">What an honest device says.</param>
    public uint Read(ulong place, int width, uint truth)
    {
        foreach (RegisterLie lie in _lies)
        {
            if (lie.Covers(place))
            {
                return lie.Answer(truth) & (uint)((1UL << (8 * width)) - 1);
            }
        }

        return truth;
    }
}

/// <summary>What is read at a place of a register block instead of the truth.</summary>
public sealed class RegisterLie
{
    private readonly LieKind _kind;
    private readonly uint _value;
    private readonly SeededRandom _random;
    private int _truthsLeft;
    private uint _count;

    /// <summary>Makes a lie.</summary>
    /// <param name="offset">The first byte that it is about.</param>
    /// <param name="length">How many bytes.</param>
    /// <param name="kind">How it lies.</param>
    /// <param name="value">What it says, where it always says the same; which bits are wrong, where some are.</param>
    /// <param name="truths">How many times the truth is told first.</param>
    /// <param name="random">What the rest is drawn from.</param>
    public RegisterLie(uint offset, uint length, LieKind kind, uint value, int truths, SeededRandom random)
    {
        Offset = offset;
        Length = length;
        _kind = kind;
        _value = value;
        _truthsLeft = truths;
        _random = random;
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
            LieKind.Anything => _random.Edge(),
            LieKind.WrongBits => truth ^ _value,
            LieKind.Counting => _count,
            _ => (_count & 1) != 0 ? _value : truth,
        };
    }
}

/// <summary>How a register lies.</summary>
public enum LieKind
{
    /// <summary>It always says the same.</summary>
    Constant = 0,

    /// <summary>It says something else each time.</summary>
    Anything = 1,

    /// <summary>Some bits of the truth are wrong.</summary>
    WrongBits = 2,

    /// <summary>It says one more each time.</summary>
    Counting = 3,

    /// <summary>Every other time it tells the truth.</summary>
    EveryOther = 4,
}

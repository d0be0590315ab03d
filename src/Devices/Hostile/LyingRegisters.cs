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

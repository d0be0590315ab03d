using System;

namespace VirtioGuest.Devices.Hostile;

/// <summary>In what a hostile device breaks the rules; in all else it behaves well.</summary>
[Flags]
public enum Hostility
{
    /// <summary>In nothing.</summary>
    None = 0,

    /// <summary>
    /// The capability list: loops, overlaps, links into the header, ranges outside of their base address, zero lengths,
    /// wrong base addresses, misalignment, truncation, an MSI-X table that is nowhere, extended ones likewise.
    /// </summary>
    Capabilities = 1 << 0,

    /// <summary>What the configuration header says, base addresses included, from one read to the next.</summary>
    Header = 1 << 1,

    /// <summary>The control registers: number of queues, sizes, features, vectors, places for notifications.</summary>
    Control = 1 << 2,

    /// <summary>The device-specific configuration.</summary>
    Configuration = 1 << 3,

    /// <summary>The MSI-X table does not keep what is written.</summary>
    Vectors = 1 << 4,

    /// <summary>Interrupts for each access or for nothing, to addresses that nobody gave, on a stuck line.</summary>
    Interrupts = 1 << 5,

    /// <summary>Anything is written into whatever memory a queue has.</summary>
    Rings = 1 << 6,

    /// <summary>Requests are answered with anything, or never.</summary>
    Requests = 1 << 7,

    /// <summary>Resets, negotiation, changes of configuration and of state that never come to an end.</summary>
    Endless = 1 << 8,

    /// <summary>In everything.</summary>
    All = (1 << 9) - 1,
}

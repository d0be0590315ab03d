using System.Collections.Generic;

namespace VirtioGuest.Build.Guest;

/// <summary>The machine that a guest is started in.</summary>
internal sealed record GuestOptions
{
    public Door Door { get; init; } = Door.Iso;

    /// <summary>UEFI firmware instead of BIOS; for <see cref="Door.Iso"/> only.</summary>
    public bool IsUefi { get; init; }

    /// <summary>QEMU's name of what executes the guest: <c>tcg</c> or <c>kvm</c>.</summary>
    public string Accelerator { get; init; } = "tcg";

    public int MemoryMegabytes { get; init; } = 256;

    /// <summary>The disk's image: QCOW2 where its name ends in <c>.qcow2</c>, else raw.</summary>
    public required string Disk { get; init; }

    /// <summary>Whether QEMU waits for a debugger at port 1234 before the first instruction.</summary>
    public bool WaitsForDebugger { get; init; }

    /// <summary>
    /// Whether the serial line shares the terminal with QEMU's monitor (Ctrl+A C), else it is plain output.
    /// </summary>
    public bool IsInteractive { get; init; }

    /// <summary>Arguments that QEMU gets as they are, after all others.</summary>
    public IReadOnlyList<string> Additional { get; init; } = [];
}

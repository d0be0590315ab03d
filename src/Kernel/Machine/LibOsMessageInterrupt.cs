using VirtioGuest.Hal;
using VirtioGuest.LibOS.Abi;

namespace VirtioGuest.Kernel.Machine;

/// <summary>A vector of the local APIC that a device writes to.</summary>
internal sealed class LibOsMessageInterrupt : MessageInterrupt
{
    private readonly DriverThread _thread;

    /// <summary>Describes what LibOS has set aside.</summary>
    public LibOsMessageInterrupt(MessageGrant grant, DriverThread thread)
        : base(grant.Address, grant.Data)
    {
        _thread = thread;
    }

    /// <inheritdoc/>
    public override ulong Count => _thread.Count;

    /// <inheritdoc/>
    public override void Release() => _thread.Release();
}

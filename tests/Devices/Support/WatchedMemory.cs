using System;
using System.Collections.Generic;
using VirtioGuest.Devices.Memory;

namespace VirtioGuest.Devices.Tests.Support;

/// <summary>Guest memory that keeps a list of what a device did to it, in order.</summary>
internal sealed unsafe class WatchedMemory(GuestMemory memory) : GuestMemory(audits: true)
{
    public List<(ulong Address, uint Length, GuestAccess Access)> Accesses { get; } = [];

    /// <summary>Called before every write, with its address.</summary>
    public Action<ulong>? BeforeWrite { get; set; }

    public override bool TryTranslate(ulong deviceAddress, ulong length, GuestAccess access, out byte* pointer) =>
        memory.TryTranslate(deviceAddress, length, access, out pointer);

    protected override void Audit(ulong deviceAddress, uint length, GuestAccess access)
    {
        Accesses.Add((deviceAddress, length, access));
        if (access == GuestAccess.Write)
        {
            BeforeWrite?.Invoke(deviceAddress);
        }
    }
}

using System.Collections.Generic;
using VirtioGuest.Devices.Block;

namespace VirtioGuest.Cosmos.Tests.Simulation;

/// <summary>Records the requests that a disk gets, and fails them if a test wants that.</summary>
internal sealed class RequestLog : BlockFaults
{
    public List<(uint Type, ulong Sector, ulong Length)> Requests { get; } = [];

    /// <summary>What every request ends with, or null.</summary>
    public BlockStatus? Status { get; set; }

    public override BlockStatus? Fault(uint type, ulong sector, ulong length)
    {
        Requests.Add((type, sector, length));
        return Status;
    }
}

using System.Runtime.CompilerServices;

namespace VirtioGuest.Kernel.Services;

/// <summary>Room for the transfers that a stream keeps in flight, without an allocation.</summary>
[InlineArray(Capacity)]
internal struct TransferRing
{
    /// <summary>How many there are at most.</summary>
    public const int Capacity = 8;

    private DiskTransfer? _first;
}

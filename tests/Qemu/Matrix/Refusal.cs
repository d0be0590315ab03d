using System;
using System.Collections.Generic;
using System.Linq;

namespace VirtioGuest.Qemu.Tests.Matrix;

/// <summary>A form that does not exist, and what shows that it does not.</summary>
/// <param name="Reason">Why, in words.</param>
/// <param name="Concerns">Which cells it concerns.</param>
/// <param name="Message">
/// What QEMU says when it is asked for such a machine; null where QEMU has no objection and the guest shows it.
/// </param>
public sealed record Refusal(string Reason, Func<Cell, bool> Concerns, string? Message)
{
    /// <summary>All of them: every cell that none of these concerns has to work.</summary>
    public static IReadOnlyList<Refusal> All { get; } =
    [
        new(
            "A transitional device cannot offer ACCESS_PLATFORM (virtio 1.4, 6.1).",
            cell => cell.IsPci && cell.HasPlatformAccess && cell.IsTransitional,
            "VIRTIO_F_IOMMU_PLATFORM was supported by neither legacy nor transitional device"),
        new(
            "Over MMIO there is one interrupt line, and no vector (virtio 1.4, 4.2.3.4).",
            cell => !cell.IsPci && cell.Interrupts != InterruptForm.Line,
            "Property 'virtio-blk-device.vectors' not found"),
        new(
            "Over MMIO all queues are notified in one register (virtio 1.4, 4.2.2).",
            cell => !cell.IsPci && cell.HasPagePerQueue,
            "Property 'virtio-blk-device.page-per-vq' not found"),
        new(
            "Over MMIO a device has one interface: version 2, or the legacy one (virtio 1.4, 4.2.4).",
            cell => !cell.IsPci && cell.IsTransitional,
            "Property 'virtio-blk-device.disable-legacy' not found"),
    ];

    /// <summary>Whether a cell exists.</summary>
    public static bool Allows(Cell cell) => !All.Any(refusal => refusal.Concerns(cell));
}

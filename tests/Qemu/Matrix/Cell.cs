using System.Collections.Generic;

namespace VirtioGuest.Qemu.Tests.Matrix;

/// <summary>One form of machine and devices, of all that there are.</summary>
/// <param name="Platform">The machine.</param>
/// <param name="Interrupts">How the devices interrupt.</param>
/// <param name="Queues">How large their queues are.</param>
/// <param name="IsPacked">Whether the rings are packed, not split.</param>
/// <param name="HasEventIndex">Whether EVENT_IDX is offered.</param>
/// <param name="HasIndirect">Whether INDIRECT_DESC is offered.</param>
/// <param name="HasPlatformAccess">
/// Whether ACCESS_PLATFORM is offered, and therefore insisted on. On Q35 there is an IOMMU then, which nobody turns on.
/// </param>
/// <param name="HasPagePerQueue">Whether each queue is notified in a page of its own.</param>
/// <param name="IsTransitional">Whether the devices have the legacy interface too.</param>
public sealed record Cell(
    Platform Platform,
    InterruptForm Interrupts,
    QueueForm Queues,
    bool IsPacked,
    bool HasEventIndex,
    bool HasIndirect,
    bool HasPlatformAccess,
    bool HasPagePerQueue,
    bool IsTransitional)
{
    /// <summary>How many values each property has, in their order.</summary>
    public static IReadOnlyList<int> Levels { get; } = [4, 3, 3, 2, 2, 2, 2, 2, 2];

    /// <summary>Whether the devices are on PCI.</summary>
    public bool IsPci => Platform != Platform.MicrovmMmio;

    /// <summary>
    /// Whether the kernel comes from the ISO, through firmware which has used the devices before. A few cells are
    /// enough.
    /// </summary>
    public bool IsFromIso =>
        Platform is Platform.Pc or Platform.Q35 && IsTransitional && HasPagePerQueue && HasIndirect
        && IsPacked == HasEventIndex;

    /// <summary>The cell of a number for each property.</summary>
    public static Cell Of(IReadOnlyList<int> values) => new(
        (Platform)values[0],
        (InterruptForm)values[1],
        (QueueForm)values[2],
        values[3] != 0,
        values[4] != 0,
        values[5] != 0,
        values[6] != 0,
        values[7] != 0,
        values[8] != 0);

    /// <inheritdoc/>
    public override string ToString() =>
        $"{Platform}, {Interrupts}, {Queues} queues, {(IsPacked ? "packed" : "split")}"
        + (HasEventIndex ? ", event index" : string.Empty)
        + (HasIndirect ? ", indirect" : string.Empty)
        + (HasPlatformAccess ? ", platform access" : string.Empty)
        + (HasPagePerQueue ? ", page per queue" : string.Empty)
        + (IsTransitional ? ", transitional" : ", modern")
        + (IsFromIso ? ", ISO" : string.Empty);
}

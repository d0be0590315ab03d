using System.Collections.Generic;
using VirtioGuest.Simulation;

namespace VirtioGuest.Drivers.Virtio.Tests.Simulation;

/// <summary>
/// The device's side of a queue of either format. It takes buffers in ring order and gives them back in any order, and
/// can break every rule on request.
/// </summary>
internal abstract unsafe class RingModel
{
    public const ulong IndirectDesc = 1UL << 28;
    public const ulong EventIdx = 1UL << 29;
    public const ulong Packed = 1UL << 34;
    public const ulong InOrder = 1UL << 35;

    protected RingModel(SimulatedDma memory, int size, ulong features)
    {
        Memory = memory;
        Size = size;
        HasIndirect = (features & IndirectDesc) != 0;
        HasEventIndex = (features & EventIdx) != 0;
        IsInOrder = (features & InOrder) != 0;
    }

    public int Size { get; }

    public bool HasIndirect { get; }

    public bool HasEventIndex { get; }

    public bool IsInOrder { get; }

    /// <summary>
    /// Whether the driver wants used buffer notifications at all; with EVENT_IDX see <see cref="IsInterruptDue"/>.
    /// </summary>
    public abstract bool DriverWantsInterrupts { get; }

    protected SimulatedDma Memory { get; }

    /// <summary>A model of the format that the features say.</summary>
    public static RingModel Create(
        SimulatedDma memory, ulong descriptors, ulong driverArea, ulong deviceArea, int size, ulong features) =>
        (features & Packed) != 0
            ? new PackedRingModel(memory, descriptors, driverArea, deviceArea, size, features)
            : new SplitRingModel(memory, descriptors, driverArea, deviceArea, size, features);

    /// <summary>Takes the next available buffer, if there is one.</summary>
    public abstract TakenBuffer? TryTake();

    /// <summary>Gives a buffer back. QEMU never sets WRITE in a packed ring; others do.</summary>
    public abstract void Use(TakenBuffer buffer, uint length, bool setWrite = false);

    /// <summary>Gives buffers back, taken one after the other, with one used element: only with IN_ORDER.</summary>
    public abstract void UseBatch(IReadOnlyList<TakenBuffer> batch, uint lastLength);

    /// <summary>Writes a used element with whatever content and moves on.</summary>
    public abstract void WriteUsed(ushort id, uint length, int descriptors, bool setWrite = false);

    /// <summary>
    /// Whether the driver wants to be told of what was used since the last time that this was asked, element by
    /// element.
    /// </summary>
    public abstract bool IsInterruptDue();

    /// <summary>Asks for no available buffer notification, or for all.</summary>
    public abstract void SuppressNotifications(bool suppressed);

    /// <summary>
    /// Asks for the notification of one buffer, with EVENT_IDX.
    /// </summary>
    /// <param name="ahead">
    /// 0 for what the driver adds next as far as the device has taken; more for later ones: descriptors in a packed
    /// ring, buffers in a split one.
    /// </param>
    public abstract void AskForNotificationAt(int ahead);

    /// <summary>Writes anything anywhere into what the device may write, as only a hostile device does.</summary>
    public abstract void Scribble(uint bits);

    /// <summary>Reads a table that a descriptor leads to.</summary>
    protected byte* Table(ulong address, uint length, out int count)
    {
        if (!HasIndirect || length == 0 || length % 16 != 0 || length / 16 > (uint)Size)
        {
            Memory.Violations.Add($"an indirect table of {length} bytes");
        }

        count = (int)(length / 16);
        return Memory.DeviceReads(address, length);
    }
}

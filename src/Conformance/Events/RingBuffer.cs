using System;
using System.Collections.Generic;
using VirtioGuest.Devices.Rings;

namespace VirtioGuest.Conformance.Events;

/// <summary>A buffer as a device took it.</summary>
/// <param name="Id">Its ID, or its head.</param>
/// <param name="Descriptors">Its descriptors, those of an indirect table behind the one that refers to it.</param>
/// <param name="Elements">Its pieces in memory, in order.</param>
/// <param name="Readable">The first bytes of what the device reads, <see cref="MostBytes"/> at most.</param>
public sealed record RingBuffer(
    ushort Id,
    IReadOnlyList<RingDescriptor> Descriptors,
    IReadOnlyList<ChainElement> Elements,
    ReadOnlyMemory<byte> Readable)
{
    /// <summary>How many of the readable bytes are kept.</summary>
    public const int MostBytes = 4096;

    /// <summary>How many bytes the device reads.</summary>
    public ulong ReadableLength => LengthOf(isWritable: false);

    /// <summary>How many bytes the device may write.</summary>
    public ulong WritableLength => LengthOf(isWritable: true);

    /// <inheritdoc/>
    public override string ToString() =>
        $"id {Id}, {ReadableLength} + {WritableLength} bytes, {string.Join(' ', Descriptors)}";

    private ulong LengthOf(bool isWritable)
    {
        ulong length = 0;
        foreach (ChainElement each in Elements)
        {
            length += each.IsWritable == isWritable ? each.Length : 0;
        }

        return length;
    }
}

/// <summary>One descriptor, as it stands in memory.</summary>
/// <param name="Slot">Its place in the ring or in the table.</param>
/// <param name="IsInTable">Whether it stands in an indirect table.</param>
/// <param name="Address">The address in it.</param>
/// <param name="Length">The length in it.</param>
/// <param name="Flags">Its flags.</param>
/// <param name="Last">Its buffer ID in a packed ring, its next field in a split one.</param>
public readonly record struct RingDescriptor(
    int Slot, bool IsInTable, ulong Address, uint Length, ushort Flags, ushort Last)
{
    /// <inheritdoc/>
    public override string ToString() =>
        $"[{(IsInTable ? "table " : string.Empty)}{Slot}: {Address:x}+{Length:x} flags {Flags:x} {Last}]";
}

/// <summary>The state of a ring, as far as it tells of notifications.</summary>
/// <param name="IsPacked">Whether it is a packed ring.</param>
/// <param name="Size">The queue's size.</param>
/// <param name="Available">
/// The available index of a split ring; of a packed one the position of the next descriptor that the driver will make
/// available, 0 to twice the size - 1, the second round being that with wrap counter 0.
/// </param>
/// <param name="Taken">How far the device has come, in the same numbers.</param>
/// <param name="DriverFlags">The flags by which the driver asks for interrupts.</param>
/// <param name="DeviceFlags">The flags by which the device asks for notifications.</param>
/// <param name="DeviceEvent">The event index or position that it names besides.</param>
public readonly record struct RingState(
    bool IsPacked,
    int Size,
    int Available,
    int Taken,
    ushort DriverFlags,
    ushort DeviceFlags,
    ushort DeviceEvent)
{
    /// <inheritdoc/>
    public override string ToString() =>
        $"available {Available}, taken {Taken}, driver flags {DriverFlags:x}, "
        + $"device flags {DeviceFlags:x} event {DeviceEvent:x}";
}

using System;

namespace VirtioGuest.Devices;

/// <summary>Memory of the device that the driver may map (virtio 1.4, 2.10).</summary>
public sealed class SharedMemoryRegion
{
    private readonly byte[] _bytes;

    /// <summary>Creates a zeroed region.</summary>
    /// <param name="id">Its number, unique for the device.</param>
    /// <param name="length">Its size in bytes, at least 1.</param>
    public SharedMemoryRegion(byte id, int length)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(length, 1);
        Id = id;
        _bytes = new byte[length];
    }

    /// <summary>Its number.</summary>
    public byte Id { get; }

    /// <summary>What it holds.</summary>
    public Span<byte> Bytes => _bytes;
}

using System;

namespace VirtioGuest.Drivers.Virtio.Tests.Transport.Registers;

/// <summary>Registers that keep what is written, as an MSI-X table does.</summary>
internal sealed class ByteBlock(int length) : RegisterBlock
{
    public byte[] Bytes { get; } = new byte[length];

    public override uint Read(ulong offset, int width)
    {
        uint value = 0;
        for (int i = width - 1; i >= 0; i--)
        {
            value = (value << 8) | Bytes[(int)offset + i];
        }

        return value;
    }

    public override void Write(ulong offset, int width, uint value)
    {
        Span<byte> bytes = Bytes.AsSpan((int)offset, width);
        for (int i = 0; i < width; i++)
        {
            bytes[i] = (byte)(value >> (8 * i));
        }
    }
}

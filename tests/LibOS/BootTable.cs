using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Text;

namespace VirtioGuest.LibOS.Tests;

/// <summary>Builds a little-endian table byte by byte.</summary>
internal sealed class BootTable
{
    private readonly List<byte> _bytes = [];

    public int Length => _bytes.Count;

    public byte[] ToArray() => _bytes.ToArray();

    public BootTable Add8(params byte[] values)
    {
        _bytes.AddRange(values);
        return this;
    }

    public BootTable Add16(ushort value)
    {
        Extend(2);
        Put16(Length - 2, value);
        return this;
    }

    public BootTable Add32(uint value)
    {
        Extend(4);
        Put32(Length - 4, value);
        return this;
    }

    public BootTable Add64(ulong value)
    {
        Extend(8);
        Put64(Length - 8, value);
        return this;
    }

    public BootTable AddText(string text) => Add8(Encoding.Latin1.GetBytes(text));

    public BootTable PadTo(int length)
    {
        Extend(Math.Max(0, length - Length));
        return this;
    }

    public BootTable Align(int alignment) => PadTo((Length + alignment - 1) / alignment * alignment);

    public BootTable Put8(int offset, byte value)
    {
        _bytes[offset] = value;
        return this;
    }

    public BootTable Put16(int offset, ushort value)
    {
        BinaryPrimitives.WriteUInt16LittleEndian(At(offset), value);
        return this;
    }

    public BootTable Put32(int offset, uint value)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(At(offset), value);
        return this;
    }

    public BootTable Put64(int offset, ulong value)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(At(offset), value);
        return this;
    }

    /// <summary>Sets a byte so that the first <paramref name="count"/> bytes add up to 0.</summary>
    public BootTable PutChecksum(int offset, int count)
    {
        _bytes[offset] = 0;
        int sum = 0;
        for (int index = 0; index < count; index++)
        {
            sum += _bytes[index];
        }

        _bytes[offset] = (byte)-sum;
        return this;
    }

    private Span<byte> At(int offset) => System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_bytes)[offset..];

    private void Extend(int count) => _bytes.AddRange(new byte[count]);
}

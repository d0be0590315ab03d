using System;
using System.Runtime.InteropServices;
using VirtioGuest.LibOS.Memory;

namespace VirtioGuest.LibOS.Tests;

/// <summary>Physical memory for one test: a zeroed buffer that the direct map leads to.</summary>
internal sealed unsafe class FakeMemory : IDisposable
{
    private readonly byte* _memory;
    private readonly ulong _previousBase;

    public FakeMemory(ulong length)
    {
        Length = length;
        _memory = (byte*)NativeMemory.AlignedAlloc((nuint)length, (nuint)Frame.Size);
        NativeMemory.Clear(_memory, (nuint)length);
        _previousBase = PhysicalMemory.Base;
        PhysicalMemory.Base = (ulong)_memory;
    }

    public ulong Length { get; }

    public Span<byte> Bytes => new(_memory, (int)Length);

    public void Dispose()
    {
        PhysicalMemory.Base = _previousBase;
        NativeMemory.AlignedFree(_memory);
    }
}

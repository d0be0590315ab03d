using System;
using System.Runtime.InteropServices;
using VirtioGuest.LibOS.Boot;
using VirtioGuest.LibOS.Memory;

namespace VirtioGuest.LibOS.Tests;

/// <summary>
/// The physical memory that is mapped at boot: 4 GB of zeros that take no room until written. Nothing is mapped behind
/// it, so that a read past its end ends the test run.
/// </summary>
internal sealed unsafe partial class BootMemory : IDisposable
{
    private static readonly nuint s_length = unchecked((nuint)PhysicalMemory.MappedAtBoot);
    private const nuint Guard = 1 << 20;

    private readonly byte* _memory;
    private readonly ulong _previousBase;

    public BootMemory()
    {
        const int NoAccess = 0;
        const int ReadWrite = 3;
        const int PrivateAnonymousNoReserve = 0x4022;
        const int Fixed = 0x10;
        nint start = Map(0, s_length + Guard, NoAccess, PrivateAnonymousNoReserve, -1, 0);
        if (start == -1 || Map(start, s_length, ReadWrite, PrivateAnonymousNoReserve | Fixed, -1, 0) != start)
        {
            throw new InvalidOperationException("no address space for the fake memory");
        }

        _memory = (byte*)start;
        _previousBase = PhysicalMemory.Base;
        PhysicalMemory.Base = (ulong)_memory;
        Information = (BootInformation*)NativeMemory.AllocZeroed((nuint)sizeof(BootInformation));
    }

    /// <summary>Where parsers put what they find.</summary>
    public BootInformation* Information { get; }

    public string CommandLine => System.Text.Encoding.Latin1.GetString(
        Information->CommandLine, Information->CommandLineLength);

    public void Write(ulong physical, ReadOnlySpan<byte> bytes) =>
        bytes.CopyTo(new Span<byte>(_memory + physical, bytes.Length));

    public void Fill(ulong physical, int length, byte value) => new Span<byte>(_memory + physical, length).Fill(value);

    /// <summary>The memory map as text, one range after the other: <c>0-9fc00:1 100000-8000000:1</c>.</summary>
    public string MapText()
    {
        var text = new System.Text.StringBuilder();
        Abi.MemoryRange range;
        for (uint index = 0; Information->Memory.TryGet(index, &range); index++)
        {
            text.Append(index == 0 ? "" : " ");
            text.Append(System.Globalization.CultureInfo.InvariantCulture,
                $"{range.Start:x}-{range.Start + range.Length:x}:{range.Kind}");
        }

        return text.ToString();
    }

    public void Dispose()
    {
        PhysicalMemory.Base = _previousBase;
        NativeMemory.Free(Information);
        _ = Unmap((nint)_memory, s_length + Guard);
    }

    [LibraryImport("libc", EntryPoint = "mmap")]
    private static partial nint Map(nint address, nuint length, int protection, int flags, int file, nint offset);

    [LibraryImport("libc", EntryPoint = "munmap")]
    private static partial int Unmap(nint address, nuint length);
}

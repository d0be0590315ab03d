using System;
using System.Diagnostics;
using System.IO;
using Microsoft.Win32.SafeHandles;

namespace VirtioGuest.Qemu.Tests.Harness;

/// <summary>
/// A guest's RAM as a file of the host, which can be changed while the guest runs: for what no device of QEMU does by
/// itself. Addresses are physical ones below the PCI hole.
/// </summary>
public sealed class GuestMemory
{
    private readonly string _path;

    /// <summary>Names the file; QEMU makes it.</summary>
    public GuestMemory(string path)
    {
        _path = path;
    }

    /// <summary>The same machine with its RAM in the file.</summary>
    /// <param name="options">The machine.</param>
    /// <param name="machine">What QEMU calls it, with its properties.</param>
    public GuestOptions Put(GuestOptions options, string machine)
    {
        return options.WithArguments(
            "-object", $"memory-backend-file,id=ram,size={options.MemoryMegabytes}M,share=on,mem-path={_path}",
            "-machine", machine + ",memory-backend=ram");
    }

    /// <summary>Reads bytes.</summary>
    public byte[] Read(ulong address, int length)
    {
        byte[] bytes = new byte[length];
        using SafeFileHandle file = File.OpenHandle(_path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        int done = RandomAccess.Read(file, bytes, (long)address);
        return done == length ? bytes : throw new EndOfStreamException($"The guest has no RAM at {address:x}.");
    }

    /// <summary>Writes bytes.</summary>
    public void Write(ulong address, byte[] bytes)
    {
        using SafeFileHandle file = File.OpenHandle(_path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
        RandomAccess.Write(file, bytes, (long)address);
    }

    /// <summary>Writes bytes as soon as others are not what they were.</summary>
    /// <param name="watched">Where to look.</param>
    /// <param name="old">What is there at first.</param>
    /// <param name="address">Where to write.</param>
    /// <param name="bytes">What.</param>
    /// <param name="time">How long to look.</param>
    /// <returns>Whether they were written.</returns>
    public bool WriteOnChange(ulong watched, byte[] old, ulong address, byte[] bytes, TimeSpan time)
    {
        using SafeFileHandle file = File.OpenHandle(_path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        long start = Stopwatch.GetTimestamp();
        byte[] now = new byte[old.Length];
        while (Stopwatch.GetElapsedTime(start) < time)
        {
            RandomAccess.Read(file, now, (long)watched);
            if (!now.AsSpan().SequenceEqual(old))
            {
                RandomAccess.Write(file, bytes, (long)address);
                return true;
            }
        }

        return false;
    }
}

using System;
using System.IO;
using System.IO.Hashing;

namespace VirtioGuest.Qemu.Tests.Harness;

/// <summary>A raw disk image on the host.</summary>
public sealed class DiskImage
{
    /// <summary>Bytes in a sector.</summary>
    public const int SectorSize = 512;

    private DiskImage(string path, long sectors)
    {
        Path = path;
        Sectors = sectors;
    }

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>Its size.</summary>
    public long Sectors { get; }

    /// <summary>An image of zeros, which takes no room on the host.</summary>
    public static DiskImage CreateEmpty(string path, long sectors)
    {
        using FileStream file = new(path, FileMode.CreateNew);
        file.SetLength(sectors * SectorSize);
        return new DiskImage(path, sectors);
    }

    /// <summary>An image whose every sector has bytes of its own; the same seed gives the same image.</summary>
    public static DiskImage CreateRandom(string path, int sectors, int seed)
    {
        byte[] bytes = new byte[sectors * SectorSize];
        new Random(seed).NextBytes(bytes);
        File.WriteAllBytes(path, bytes);
        return new DiskImage(path, sectors);
    }

    /// <summary>Reads sectors.</summary>
    public byte[] Read(long first, int count)
    {
        using FileStream file = File.OpenRead(Path);
        byte[] bytes = new byte[count * SectorSize];
        file.Position = first * SectorSize;
        file.ReadExactly(bytes);
        return bytes;
    }

    /// <summary>The whole image.</summary>
    public byte[] ReadAll()
    {
        return File.ReadAllBytes(Path);
    }

    /// <summary>Writes bytes from a sector on.</summary>
    public void Write(long first, ReadOnlySpan<byte> bytes)
    {
        using FileStream file = new(Path, FileMode.Open, FileAccess.Write);
        file.Position = first * SectorSize;
        file.Write(bytes);
    }

    /// <summary>Inverts one byte.</summary>
    public void Corrupt(long offset)
    {
        using FileStream file = new(Path, FileMode.Open, FileAccess.ReadWrite);
        file.Position = offset;
        int value = file.ReadByte();
        file.Position = offset;
        file.WriteByte((byte)~value);
    }

    /// <summary>The checksum of sectors as the guest prints it.</summary>
    public string Checksum(long first, int count)
    {
        return Crc32.HashToUInt32(Read(first, count)).ToString("x8");
    }
}

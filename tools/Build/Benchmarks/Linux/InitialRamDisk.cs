using System.Collections.Generic;
using System.Globalization;
using System.Text;

namespace VirtioGuest.Build.Benchmarks.Linux;

/// <summary>
/// An initramfs: an archive in cpio's format <c>newc</c>, which Linux unpacks as its first file system
/// (Documentation/driver-api/early-userspace/buffer-format.rst in the kernel's sources).
/// </summary>
internal sealed class InitialRamDisk
{
    private const uint FolderMode = 0x41ED; // a folder, rwxr-xr-x
    private const uint ProgramMode = 0x81ED; // a file, rwxr-xr-x
    private const uint CharacterDeviceMode = 0x2180; // a character device, rw-------
    private const int Alignment = 4;

    private readonly List<byte> _archive = [];

    public void AddFolder(string name) => Add(name, FolderMode, [], 0, 0);

    public void AddFile(string name, byte[] content) => Add(name, ProgramMode, content, 0, 0);

    public void AddCharacterDevice(string name, int major, int minor) =>
        Add(name, CharacterDeviceMode, [], major, minor);

    /// <summary>Ends the archive and returns it.</summary>
    public byte[] Finish()
    {
        Add("TRAILER!!!", 0, [], 0, 0);
        return [.. _archive];
    }

    private void Add(string name, uint mode, byte[] content, int major, int minor)
    {
        // After the magic number: inode, mode, owner, group, links, time, length, the device that the file is on
        // (2 numbers), the device that it is (2 numbers), length of the name with its zero, checksum.
        uint[] fields =
            [0, mode, 0, 0, 1, 0, (uint)content.Length, 0, 0, (uint)major, (uint)minor, (uint)name.Length + 1, 0];
        var header = new StringBuilder("070701");
        foreach (uint field in fields)
        {
            header.Append(CultureInfo.InvariantCulture, $"{field:X8}");
        }

        _archive.AddRange(Encoding.ASCII.GetBytes($"{header}{name}\0"));
        Align();
        _archive.AddRange(content);
        Align();
    }

    private void Align()
    {
        while (_archive.Count % Alignment != 0)
        {
            _archive.Add(0);
        }
    }
}

using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;

namespace VirtioGuest.Build.Image;

/// <summary>Assembles LibOS' assembly files with clang.</summary>
internal sealed class Assembler
{
    /// <summary>Holds what is part of an image format rather than of the kernel, and embedded tables.</summary>
    private const string ImageFolder = "Image";

    private readonly string _folder;
    private readonly string _output;

    /// <param name="folder">LibOS' source folder.</param>
    /// <param name="output">Where object files go, and where included binary files are looked for.</param>
    public Assembler(string folder, string output)
    {
        _folder = folder;
        _output = output;
        Directory.CreateDirectory(output);
    }

    /// <summary>Assembles everything that is linked into the kernel except the table of function names.</summary>
    /// <returns>The object files.</returns>
    public IReadOnlyList<string> AssembleKernelParts()
    {
        string image = Path.Combine(_folder, ImageFolder) + Path.DirectorySeparatorChar;
        IEnumerable<string> sources = Directory.EnumerateFiles(_folder, "*.S", SearchOption.AllDirectories)
            .Where(path => !path.StartsWith(image, StringComparison.Ordinal))
            .Append(Path.Combine(image, "Font.S"));
        return [.. sources.Order(StringComparer.Ordinal).Select(Assemble)];
    }

    /// <summary>Assembles the table of function names as it is now, and returns the object file.</summary>
    public string AssembleNames() => Assemble(Path.Combine(_folder, ImageFolder, "Symbols.S"));

    /// <summary>Assembles 16- and 32-bit code that runs before the kernel to plain bytes.</summary>
    /// <param name="name">A file of the image folder.</param>
    /// <param name="address">Where the code runs.</param>
    /// <param name="kernel">The kernel; the code is told where it lies, for MemoryCheck.inc.</param>
    /// <param name="entry">The symbol that the code jumps to, if it jumps to the kernel.</param>
    public byte[] AssembleFlat(string name, int address, ElfFile kernel, string? entry)
    {
        List<string> definitions =
            [$"-DKERNEL_START=0x{KernelLink.ImageBase:x}", $"-DKERNEL_END=0x{kernel.LoadedEnd():x}"];
        if (entry is not null)
        {
            definitions.Add($"-DKERNEL_ENTRY=0x{kernel.AddressOf(entry):x}");
        }

        string source = Path.Combine(_folder, ImageFolder, name);
        string intermediate = Path.Combine(_output, Path.ChangeExtension(name, ".o"));
        string target = Path.ChangeExtension(intermediate, ".bin");
        ExternalProgram.Run("clang", ["--target=i386-linux-gnu", .. definitions, "-c", source, "-o", intermediate]);
        ExternalProgram.Run(
            "ld.lld", ["-m", "elf_i386", "--oformat", "binary", $"-Ttext=0x{address:x}", "-o", target, intermediate]);
        return File.ReadAllBytes(target);
    }

    private string Assemble(string source)
    {
        string name = Path.GetRelativePath(_folder, source).Replace(Path.DirectorySeparatorChar, '.');
        string target = Path.Combine(_output, Path.ChangeExtension(name, ".o"));
        ExternalProgram.Run(
            "clang", ["--target=x86_64-linux-gnu", "-g", "-I", _output, "-c", source, "-o", target]);
        return target;
    }
}

using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text;
using System.Text.RegularExpressions;

namespace VirtioGuest.Build.Image;

/// <summary>
/// The table of function names in the kernel, which LibOS' reports name functions from (src/LibOS/Symbols.cs describes
/// the format).
/// </summary>
/// <remarks>
/// The table is part of the kernel, and holds addresses that are known only when the kernel has been linked. Its size
/// does not depend on them, so the kernel is linked with an empty table, then with room for the whole one, which is
/// then written in place.
/// </remarks>
internal static partial class FunctionNames
{
    private const string Symbol = "libos_symbols";
    private const string CoreLibrary = "S_P_CoreLib_";

    /// <summary>The table of a kernel that was linked with an empty table or with room for this one.</summary>
    public static byte[] Table(ElfFile kernel)
    {
        ElfSegment code = kernel.Segments().Single(
            segment => segment.Type == ElfSegmentType.Load && segment.Flags.HasFlag(ElfSegmentFlags.Execute));
        List<ElfSymbol> functions =
        [
            .. kernel.Symbols()
                .Where(symbol => symbol.IsFunction && symbol.IsDefined)
                .Where(symbol => symbol.Value >= code.Address && symbol.Value < code.Address + code.MemorySize)
                .OrderBy(symbol => symbol.Value).ThenBy(symbol => symbol.Name, StringComparer.Ordinal)
                .DistinctBy(symbol => symbol.Value),
        ];

        // One more entry, without a name, for the end of the code.
        int count = functions.Count + 1;
        int place = sizeof(uint) * (1 + (2 * count));
        List<uint> numbers = [(uint)count];
        numbers.AddRange(functions.Select(function => (uint)function.Value));
        numbers.Add((uint)(code.Address + code.MemorySize));
        using var names = new MemoryStream();
        foreach (ElfSymbol function in functions)
        {
            numbers.Add((uint)(place + names.Length));
            names.Write(Encoding.ASCII.GetBytes(Readable(function.Name) + "\0"));
        }

        numbers.Add(0);
        return [.. numbers.SelectMany(BitConverter.GetBytes), .. names.ToArray()];
    }

    /// <summary>Writes the table into a kernel that has room for it.</summary>
    /// <exception cref="BuildFailure">The table does not have the size of the room.</exception>
    public static void Write(string path, int room)
    {
        ElfFile kernel = ElfFile.Read(path);
        byte[] table = Table(kernel);
        if (table.Length != room)
        {
            throw new BuildFailure(
                $"the table of function names has {table.Length} bytes, but there is room for {room}");
        }

        ulong address = kernel.AddressOf(Symbol);
        ElfSegment segment = kernel.Segments().Single(
            part => part.Type == ElfSegmentType.Load
                && address >= part.Address && address < part.Address + part.FileSize);
        using var file = new FileStream(path, FileMode.Open, FileAccess.Write);
        file.Position = (long)(segment.Offset + address - segment.Address);
        file.Write(table);
    }

    /// <summary>
    /// ILC puts the assembly before the type and writes dots as underscores: <c>A_B_A_B_Type__Method</c> becomes
    /// <c>A.B.Type.Method</c>. Other names stay as they are.
    /// </summary>
    private static string Readable(string name)
    {
        int method = name.IndexOf("__", StringComparison.Ordinal);
        if (method <= 0 || name.StartsWith('_'))
        {
            return name;
        }

        string type = name[..method];
        type = type.StartsWith(CoreLibrary, StringComparison.Ordinal)
            ? type[CoreLibrary.Length..]
            : AssemblyAndType().Replace(type, "$1$2");
        return type.Replace('_', '.') + "." + name[(method + 2)..];
    }

    [GeneratedRegex(@"^(\w+?)_\1(_|$)")]
    private static partial Regex AssemblyAndType();
}

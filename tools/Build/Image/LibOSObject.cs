using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;

namespace VirtioGuest.Build.Image;

/// <summary>
/// Prepares the object file that ILC made of LibOS for linking with the .NET runtime: the runtime must not take any of
/// it for its own code, and it must not call the runtime.
/// </summary>
internal static class LibOSObject
{
    /// <summary>What usually makes LibOS need a helper of the runtime, by the beginning of the helper's name.</summary>
    private static readonly (string Prefix, string Meaning)[] s_meanings =
    [
        ("RhpNew", "an allocation: new of a class, an array, a string or a delegate, or a boxed value"),
        ("RhNew", "an allocation: new of a class, an array, a string or a delegate, or a boxed value"),
        ("RhBox", "a boxed value"),
        ("RhpThrow", "a throw, or a check that throws"),
        ("RhpRethrow", "a throw"),
        ("RhpAssignRef", "a store of an object reference: a reference field or static"),
        ("RhpCheckedAssignRef", "a store of an object reference through a pointer to it"),
        ("RhpByRefAssignRef", "a copy of a struct that holds object references"),
        ("RhTypeCast", "a cast or type test of an object"),
        ("RhpInterfaceDispatch", "a call through an interface"),
        ("RhpInitialDynamicInterfaceDispatch", "a call through an interface"),
        ("RhpGcPoll", "a loop compiled with a check for the garbage collector"),
        ("RhpPInvoke", "a P/Invoke that leaves cooperative mode"),
        ("RhpReversePInvoke", "an UnmanagedCallersOnly method: export it with RuntimeExport"),
        ("RhpStackProbe", "a method with more than a page of local variables"),
        ("RhSpanHelpers", "a block copy or clear that must not reach the runtime: give Corelib its own"),
        ("__GetNonGCStaticBase", "a static field with an initialiser: statics start as zeros"),
        ("__GetGCStaticBase", "a static field of a reference type"),
        ("__tls", "a thread-static field"),
    ];

    /// <summary>
    /// Functions of the runtime's class library that the compiler calls, and what in LibOS' assembly does the same:
    /// the arguments are destination, source (or the byte to fill with) and length.
    /// </summary>
    private static readonly (string Helper, string Own)[] s_ownHelpers =
    [
        ("RhSpanHelpers_MemCopy", "processor_move"),
        ("RhSpanHelpers_MemSet", "processor_fill"),
    ];

    /// <param name="source">The object file that ILC wrote.</param>
    /// <param name="target">The object file to link.</param>
    /// <param name="assembly">The object files of LibOS' assembly, which define symbols that the source needs.</param>
    /// <param name="folder">LibOS' source folder, which holds the two lists of symbols.</param>
    /// <exception cref="BuildFailure">The symbols are not those of the lists.</exception>
    public static void Prepare(string source, string target, IReadOnlyList<string> assembly, string folder)
    {
        IReadOnlyList<string> entryPoints = ReadList(Path.Combine(folder, "entry-points.txt"));
        string listPath = Path.Combine(folder, "undefined-symbols.txt");
        List<ElfSymbol> symbols = [.. ElfFile.Read(source).Symbols()];
        HashSet<string> own =
            [.. assembly.SelectMany(path => ElfFile.Read(path).Symbols()).Where(IsDefinition).Select(NameOf)];

        List<string> undefined =
            [.. symbols.Where(symbol => !symbol.IsDefined).Select(symbol => OwnNameOf(symbol.Name))];
        CheckUndefined(undefined, own, ReadList(listPath), listPath);
        CheckEntryPoints([.. symbols.Where(IsDefinition).Select(NameOf)], entryPoints);

        // The sections get other names, or the linker would put code and unwind tables into the ranges that the runtime
        // takes for its own, and __modules would register LibOS as a module of the program.
        ExternalProgram.Run(
            "objcopy",
            [
                "--rename-section", "__managedcode=.text.libos",
                "--rename-section", ".dotnet_eh_table=.rodata.libos",
                "--rename-section", "__modules=.rodata.libos_modules",
                .. s_ownHelpers.SelectMany(helper => new[] { "--redefine-sym", $"{helper.Helper}={helper.Own}" }),
                .. entryPoints.Select(name => $"--keep-global-symbol={name}"),
                source,
                target,
            ]);
    }

    /// <exception cref="BuildFailure">
    /// A symbol is not on the list (the message says what usually causes it), or one on the list is not needed.
    /// </exception>
    internal static void CheckUndefined(
        IReadOnlyCollection<string> undefined, IReadOnlySet<string> own, IReadOnlyList<string> allowed, string listPath)
    {
        List<string> unexpected = [.. undefined.Except(own).Except(allowed).Order()];
        if (unexpected.Count > 0)
        {
            throw new BuildFailure(
                "LibOS needs symbols from outside, which would bind to the .NET runtime that runs on top of it:\n"
                + string.Concat(unexpected.Select(name => $"  {name}: {MeaningOf(name)}\n"))
                + $"Change the code, or if the symbol is harmless, list it with its reason in {listPath}.");
        }

        List<string> unused = [.. allowed.Except(undefined).Order()];
        if (unused.Count > 0)
        {
            throw new BuildFailure($"LibOS no longer needs {string.Join(", ", unused)}: remove from {listPath}");
        }
    }

    private static void CheckEntryPoints(HashSet<string> defined, IReadOnlyList<string> entryPoints)
    {
        List<string> missing = [.. entryPoints.Where(name => !defined.Contains(name))];
        if (missing.Count > 0)
        {
            throw new BuildFailure(
                $"entry-points.txt lists symbols that LibOS does not export: {string.Join(", ", missing)}");
        }
    }

    private static string OwnNameOf(string name)
    {
        foreach ((string helper, string own) in s_ownHelpers)
        {
            if (name == helper)
            {
                return own;
            }
        }

        return name;
    }

    private static string MeaningOf(string name)
    {
        foreach ((string prefix, string meaning) in s_meanings)
        {
            if (name.StartsWith(prefix, StringComparison.Ordinal))
            {
                return meaning;
            }
        }

        return name.StartsWith("libos_", StringComparison.Ordinal)
            ? "an import that LibOS' assembly (Cpu/*.S) does not define"
            : "something that the compiler leaves to the runtime, or an import";
    }

    /// <summary>
    /// Reads the names of a list of symbols: <c>NAME  REASON</c> on each line, <c>#</c> starts a comment line.
    /// </summary>
    /// <exception cref="BuildFailure">A name has no reason or is listed twice.</exception>
    private static List<string> ReadList(string path)
    {
        List<string> names = [];
        int number = 0;
        foreach (string line in File.ReadLines(path))
        {
            number++;
            string text = line.Trim();
            if (text.Length == 0 || text[0] == '#')
            {
                continue;
            }

            string[] parts = text.Split((char[]?)null, 2, StringSplitOptions.RemoveEmptyEntries);
            if (parts.Length < 2)
            {
                throw new BuildFailure($"{path}({number}): {parts[0]} has no reason beside it");
            }

            if (names.Contains(parts[0]))
            {
                throw new BuildFailure($"{path}({number}): {parts[0]} is listed twice");
            }

            names.Add(parts[0]);
        }

        return names;
    }

    private static bool IsDefinition(ElfSymbol symbol) => symbol.IsDefined && symbol.IsGlobal;

    private static string NameOf(ElfSymbol symbol) => symbol.Name;
}

using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.Emit;
using Microsoft.CodeAnalysis.Text;

namespace VirtioGuest.Labs.Grader.Students;

/// <summary>What the compiler made of a student's files.</summary>
/// <param name="Library">The library; null where there were errors.</param>
/// <param name="Symbols">Its symbols, for the lines in stack traces.</param>
/// <param name="Errors">Why there is no library, a line each; empty where there is one.</param>
/// <param name="Warnings">What the compiler warns of.</param>
internal sealed record StudentCompilation(
    byte[]? Library, byte[]? Symbols, IReadOnlyList<string> Errors, IReadOnlyList<string> Warnings)
{
    /// <summary>What the paths of a student's files begin with in stack traces.</summary>
    public const string Mark = "student:/";

    private const int MostBytes = 1 << 20;
    private const int MostErrors = 10;

    /// <summary>What a beginner needs to hear besides the compiler's own words.</summary>
    private static readonly Dictionary<string, string> s_hints = new()
    {
        ["CS0227"] = "pointers are not needed: DmaBlock and RegisterRegion reach everything",
        ["CS0214"] = "pointers are not needed: DmaBlock and RegisterRegion reach everything",
        ["CS0534"] = "a method of the starter is missing, or its signature was changed",
        ["CS0115"] = "the signature differs from the one that the lab asks for: compare it with the starter",
        ["CS0266"] = "sums of small types are int in C#: write (ushort)(a + b), which also wraps as 16 bits should",
        ["CS1002"] = "a statement ends with ;",
        ["CS1513"] = "a { has no } for it",
        ["CS0246"] = "is the name spelled as in the kit, and 'using VirtioGuest.Labs;' at the top?",
        ["CS0161"] = "every way through the method ends with return",
        ["CS0165"] = "give it a value where it is declared",
        ["CS8509"] = "a switch covers all values, or ends with _",
    };

    private static readonly Lazy<MetadataReference[]> s_references = new(References);

    /// <summary>Compiles all C# files of a folder.</summary>
    public static StudentCompilation Compile(string folder)
    {
        string[] files = Directory.Exists(folder)
            ? [.. Directory.GetFiles(folder, "*.cs").Order(StringComparer.Ordinal)]
            : [];
        if (files.Length == 0)
        {
            return Failed($"there is no C# file in {folder}");
        }

        List<(string Name, string Text)> sources = [];
        foreach (string file in files)
        {
            try
            {
                if (new FileInfo(file).Length > MostBytes)
                {
                    return Failed($"{Path.GetFileName(file)} is larger than {MostBytes} bytes");
                }

                sources.Add((Path.GetFileName(file), File.ReadAllText(file)));
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                return Failed($"{Path.GetFileName(file)} cannot be read: {e.Message}");
            }
        }

        return Compile(sources);
    }

    /// <summary>Compiles sources.</summary>
    public static StudentCompilation Compile(IEnumerable<(string Name, string Text)> sources)
    {
        CSharpParseOptions parse = new CSharpParseOptions(LanguageVersion.Latest);
        SyntaxTree[] trees =
        [
            .. sources.Select(each => CSharpSyntaxTree.ParseText(
                SourceText.From(each.Text, Encoding.UTF8), parse, Mark + each.Name)),
        ];
        CSharpCompilation compilation = CSharpCompilation.Create(
            "Student",
            trees,
            s_references.Value,
            new CSharpCompilationOptions(
                OutputKind.DynamicallyLinkedLibrary,
                optimizationLevel: OptimizationLevel.Debug,
                allowUnsafe: false,
                nullableContextOptions: NullableContextOptions.Enable));
        using MemoryStream library = new MemoryStream();
        using MemoryStream symbols = new MemoryStream();
        EmitResult result = compilation.Emit(
            library, symbols, options: new EmitOptions(debugInformationFormat: DebugInformationFormat.PortablePdb));
        string[] warnings =
        [
            .. result.Diagnostics.Where(each => each.Severity == DiagnosticSeverity.Warning).Select(InWords),
        ];
        if (result.Success)
        {
            return new StudentCompilation(library.ToArray(), symbols.ToArray(), [], warnings);
        }

        string[] errors =
        [
            .. result.Diagnostics.Where(each => each.Severity == DiagnosticSeverity.Error).Select(InWords),
        ];
        string[] first = errors.Length > MostErrors
            ? [.. errors[..MostErrors], $"and {errors.Length - MostErrors} more; begin with the first"]
            : errors;
        return new StudentCompilation(null, null, first, warnings);
    }

    private static StudentCompilation Failed(string why) => new StudentCompilation(null, null, [why], []);

    private static string InWords(Diagnostic diagnostic)
    {
        FileLinePositionSpan span = diagnostic.Location.GetLineSpan();
        string place = span.IsValid && span.Path.Length != 0
            ? $"{span.Path[Mark.Length..]}, line {span.StartLinePosition.Line + 1}: "
            : string.Empty;
        string hint = s_hints.TryGetValue(diagnostic.Id, out string? words) ? $" -- {words}" : string.Empty;
        string text = diagnostic.GetMessage(CultureInfo.InvariantCulture);
        return $"{place}{text} ({diagnostic.Id}){hint}";
    }

    /// <summary>.NET's own libraries, the kit, and what the kit shows of the house.</summary>
    private static MetadataReference[] References()
    {
        string trusted = (string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!;
        string[] ours = [typeof(LabMachine).Assembly.Location, typeof(Hal.DmaSync).Assembly.Location];
        return
        [
            .. trusted.Split(Path.PathSeparator)
                .Where(path => IsFramework(Path.GetFileName(path)))
                .Concat(ours)
                .Select(path => MetadataReference.CreateFromFile(path)),
        ];
    }

    private static bool IsFramework(string name) =>
        name is "System.Runtime.dll" or "System.Private.CoreLib.dll" or "System.Collections.dll" or "System.Console.dll"
            or "System.Memory.dll" or "System.Linq.dll" or "System.Threading.dll" or "netstandard.dll";
}

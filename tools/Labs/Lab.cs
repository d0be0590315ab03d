using System;
using System.Collections.Generic;
using System.Linq;
using VirtioGuest.Labs.Grader.Checks;
using VirtioGuest.Labs.Grader.Students;

namespace VirtioGuest.Labs.Grader;

/// <summary>A lab: where its files are, and what is checked of them.</summary>
/// <param name="Number">1 to 10.</param>
/// <param name="Folder">Its folder under <c>labs</c> and under <c>labs/answers</c>.</param>
/// <param name="Title">What it is about, for people.</param>
/// <param name="Checks">What is checked, in the order of the lab's steps.</param>
internal sealed record Lab(int Number, string Folder, string Title, IReadOnlyList<LabCheck> Checks)
{
    /// <summary>All labs, by number.</summary>
    public static IReadOnlyList<Lab> All { get; } =
    [
        new Lab(1, "01-find", "find the device", FindChecks.All),
        new Lab(2, "02-negotiate", "negotiate", NegotiateChecks.All),
        new Lab(3, "03-split", "a first split ring", SplitChecks.All),
        new Lab(4, "04-first-sector", "the first sector of a disk", SectorChecks.All),
        new Lab(5, "05-chains", "chains, many requests, any order", ChainChecks.All),
        new Lab(6, "06-notifications", "notifications and interrupts", EventChecks.All),
        new Lab(7, "07-packed", "a packed ring", PackedChecks.All),
        new Lab(8, "08-memory-order", "memory order", OrderChecks.All),
        new Lab(9, "09-caches", "caches and DMA", CacheChecks.All),
        new Lab(10, "10-device", "the device's side", BackEndChecks.All),
    ];

    /// <summary>What can be reached.</summary>
    public int Points => Checks.Sum(each => each.Points);

    /// <inheritdoc/>
    public override string ToString() => $"{Number}: {Title}";

    /// <summary>The lab's text.</summary>
    public string Text => $"labs/{Folder}/README.md";
}

/// <summary>One thing that is checked of a student's driver.</summary>
/// <param name="Name">What a right driver does, as the line of the report says it.</param>
/// <param name="Points">What it is worth.</param>
/// <param name="Clause">Where the specification asks for it.</param>
/// <param name="Run">Tries it; throws <see cref="CheckFailedException"/> where it fails.</param>
internal sealed record LabCheck(string Name, int Points, string Clause, Action<StudentCode> Run);

/// <summary>What was found of a student's driver.</summary>
/// <param name="Clause">Where the specification says so.</param>
/// <param name="Seen">What the driver did.</param>
/// <param name="Expected">What it should have done.</param>
/// <param name="Read">Where to read about it; empty for the lab's text.</param>
/// <param name="Steps">The last steps that led there, or a schedule; may be empty.</param>
internal sealed record Finding(
    string Clause, string Seen, string Expected, string Read = "", IReadOnlyList<string>? Steps = null);

/// <summary>A check failed.</summary>
internal sealed class CheckFailedException : Exception
{
    public CheckFailedException(Finding finding)
        : base(finding.Seen)
    {
        Finding = finding;
    }

    public CheckFailedException()
        : this(new Finding("", "", ""))
    {
    }

    public CheckFailedException(string message)
        : this(new Finding("", message, ""))
    {
    }

    public CheckFailedException(string message, Exception innerException)
        : base(message, innerException)
    {
        Finding = new Finding("", message, "");
    }

    /// <summary>Why.</summary>
    public Finding Finding { get; }
}

/// <summary>What came of a check.</summary>
/// <param name="Name">The check.</param>
/// <param name="Points">What was reached.</param>
/// <param name="Most">What could be.</param>
/// <param name="Finding">Why it failed; null where it passed.</param>
internal sealed record CheckResult(string Name, int Points, int Most, Finding? Finding)
{
    /// <summary>Whether it passed.</summary>
    public bool HasPassed => Finding is null;

    /// <summary>The recording of a check that failed, for the ring viewer; null where there is none.</summary>
    public string? Recording { get; init; }
}

/// <summary>What came of a lab.</summary>
/// <param name="Lab">Which.</param>
/// <param name="Results">A result for each check.</param>
/// <param name="Notes">What else a student should know: warnings of the compiler, output of the driver.</param>
/// <param name="Duration">How long it took.</param>
internal sealed record Grade(
    Lab Lab, IReadOnlyList<CheckResult> Results, IReadOnlyList<string> Notes, TimeSpan Duration)
{
    /// <summary>What was reached.</summary>
    public int Points => Results.Sum(each => each.Points);

    /// <summary>What could be.</summary>
    public int Most => Results.Sum(each => each.Most);
}

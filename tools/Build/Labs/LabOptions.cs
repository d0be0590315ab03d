namespace VirtioGuest.Build.Labs;

/// <summary>What a lab is graded with.</summary>
/// <param name="Number">Which lab, from 1 on.</param>
/// <param name="Files">The student's files; null for those in the lab's own folder.</param>
/// <param name="IsSolution">Whether the answer is graded instead.</param>
/// <param name="Boots">Whether the driver is run in the guest instead of over simulated machines.</param>
/// <param name="Report">What the report looks like.</param>
internal sealed record LabOptions(int Number, string? Files, bool IsSolution, bool Boots, LabReport Report);

/// <summary>What a grade looks like.</summary>
internal enum LabReport
{
    /// <summary>Lines for people.</summary>
    Text = 0,

    /// <summary>Gradescope's <c>results.json</c>.</summary>
    Json = 1,

    /// <summary>JUnit's XML.</summary>
    JUnit = 2,
}

using System;

namespace VirtioGuest.Conformance.Registry;

/// <summary>Something that the specification asks of one side, as this project words it.</summary>
/// <param name="Id">Its name, which never changes: <c>drv.packed.4</c>.</param>
/// <param name="Side">Who has to keep it.</param>
/// <param name="Area">The part of the specification: <c>packed</c>.</param>
/// <param name="Block">The normative block that it stands in.</param>
/// <param name="Level">How strong it is.</param>
/// <param name="Words">For how many words of that strength in the block it stands; 1 for most.</param>
/// <param name="Severity">What comes of breaking it.</param>
/// <param name="Check">How it is checked.</param>
/// <param name="Evidence">The test, or the reason; empty where it is audited.</param>
/// <param name="Text">What it asks for.</param>
public sealed record Requirement(
    string Id,
    Side Side,
    string Area,
    RequirementBlock Block,
    Level Level,
    int Words,
    Severity Severity,
    Check Check,
    string Evidence,
    string Text)
{
    /// <summary>Whether anything would notice that it is broken.</summary>
    public bool IsChecked => Check is Check.Audited or Check.Tested or Check.Static;

    /// <inheritdoc/>
    public override string ToString() => Id;
}

/// <summary>A normative block of the specification, or what a section says as a fact.</summary>
/// <param name="Section">The section's number in virtio 1.4: <c>2.8.16</c>.</param>
/// <param name="Title">Its title.</param>
/// <param name="Source">The file and line of the specification's sources; empty for what is no normative block.</param>
/// <param name="Must">How many MUST there are in it, negated ones and SHALL included.</param>
/// <param name="Should">How many SHOULD.</param>
/// <param name="May">How many MAY.</param>
public sealed record RequirementBlock(string Section, string Title, string Source, int Must, int Should, int May)
{
    /// <summary>How many words of a strength there are in it.</summary>
    public int Count(Level level) => level switch
    {
        Level.Must => Must,
        Level.Should => Should,
        Level.May => May,
        _ => 0,
    };
}

/// <summary>The two sides of a virtqueue.</summary>
public enum Side
{
    /// <summary>The driver, in the guest.</summary>
    Driver = 0,

    /// <summary>The device.</summary>
    Device = 1,
}

/// <summary>How strong a requirement is (RFC 2119).</summary>
public enum Level
{
    /// <summary>MUST, MUST NOT, SHALL.</summary>
    Must = 0,

    /// <summary>SHOULD, SHOULD NOT.</summary>
    Should = 1,

    /// <summary>MAY: a permission.</summary>
    May = 2,

    /// <summary>None of these words: what the format of a structure says by itself.</summary>
    Format = 3,
}

/// <summary>What can come of a broken requirement, the worst first.</summary>
public enum Severity
{
    /// <summary>Memory or data is damaged.</summary>
    Damage = 0,

    /// <summary>Somebody waits for ever.</summary>
    Hang = 1,

    /// <summary>A device that minds it refuses, or does something else.</summary>
    Failure = 2,

    /// <summary>Time is wasted.</summary>
    Waste = 3,
}

/// <summary>How a requirement is checked.</summary>
public enum Check
{
    /// <summary>A rule of the judge watches it in every run.</summary>
    Audited = 0,

    /// <summary>A test provokes it.</summary>
    Tested = 1,

    /// <summary>It holds by construction; a test shows the construction.</summary>
    Static = 2,

    /// <summary>There is nothing to check here, for a reason.</summary>
    NotApplicable = 3,

    /// <summary>Nothing checks it yet, for a reason.</summary>
    Open = 4,
}

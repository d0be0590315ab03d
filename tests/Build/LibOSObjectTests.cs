using System.Collections.Generic;
using NUnit.Framework;
using VirtioGuest.Build.Image;

namespace VirtioGuest.Build.Tests;

/// <summary>LibOS needs nothing from outside except what is on the list.</summary>
internal sealed class LibOSObjectTests
{
    [Test]
    public void Undefined_symbol_that_is_not_listed_is_named_with_its_meaning()
    {
        Assert.That(
            () => Check(["RhpNewFast"], [], []),
            Throws.TypeOf<BuildFailure>().With.Message.Contains("RhpNewFast: an allocation"));
    }

    [Test]
    public void Undefined_symbols_that_LibOS_assembly_defines_or_the_list_names_are_accepted()
    {
        Assert.That(() => Check(["processor_halt", "listed"], ["processor_halt"], ["listed"]), Throws.Nothing);
    }

    [Test]
    public void Listed_symbol_that_is_not_needed_is_named()
    {
        Assert.That(
            () => Check([], [], ["listed"]),
            Throws.TypeOf<BuildFailure>().With.Message.Contains("no longer needs listed"));
    }

    private static void Check(string[] undefined, string[] own, string[] allowed) =>
        LibOSObject.CheckUndefined(undefined, new HashSet<string>(own), allowed, "undefined-symbols.txt");
}

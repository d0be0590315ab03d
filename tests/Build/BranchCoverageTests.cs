using System.Collections.Generic;
using System.Xml.Linq;
using NUnit.Framework;
using VirtioGuest.Build.Testing;

namespace VirtioGuest.Build.Tests;

/// <summary>A folder's branches are those of its files, and enough of them have to be taken.</summary>
internal sealed class BranchCoverageTests
{
    [Test]
    public void Branches_are_counted_by_folder()
    {
        IReadOnlyList<BranchCoverage> folders = BranchCoverage.Parse(XDocument.Parse(
            """
            <coverage><sources><source>/sources/src/</source></sources><packages><package><classes>
              <class filename="Drivers/Virtio/Rings/A.cs">
                <methods><method><lines><line number="1" condition-coverage="50% (1/2)" /></lines></method></methods>
                <lines><line number="1" condition-coverage="50% (1/2)" /><line number="2" hits="1" /></lines>
              </class>
              <class filename="Drivers/Virtio/Rings/Packed/B.cs">
                <lines><line number="1" condition-coverage="99.6% (238/239)" /></lines>
              </class>
              <class filename="Drivers/Virtio/Transport/C.cs">
                <lines><line number="1" condition-coverage="75% (3/4)" /></lines>
              </class>
              <class filename="Drivers/Virtio/D.cs">
                <lines><line number="1" condition-coverage="0% (0/100)" /></lines>
              </class>
            </classes></package></packages></coverage>
            """));

        Assert.That(folders, Is.EqualTo(new[]
        {
            new BranchCoverage("Drivers/Virtio/Rings", 239, 241), new BranchCoverage("Drivers/Virtio/Transport", 3, 4),
        }));
        Assert.That(folders[0].IsEnough, Is.True, "99.2 %");
        Assert.That(folders[1].IsEnough, Is.False);
        Assert.That(folders[1].ToString(), Is.EqualTo("Drivers/Virtio/Transport: 75.0 % of branches taken (3 of 4)"));
    }

    [Test]
    public void Folder_without_branches_does_not_have_enough() =>
        Assert.That(new BranchCoverage("Drivers/Virtio/Rings", 0, 0).IsEnough, Is.False);
}

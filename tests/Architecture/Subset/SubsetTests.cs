using System;
using System.Collections.Generic;
using System.Linq;
using Mono.Cecil;
using Mono.Cecil.Cil;
using NUnit.Framework;
using VirtioGuest.Architecture.Tests.Subset.Rules;
using VirtioGuest.Architecture.Tests.Violations;

namespace VirtioGuest.Architecture.Tests.Subset;

/// <summary>The assemblies that Cosmos compiles stay within what its compiler gets right.</summary>
public sealed class SubsetTests
{
    private static readonly string[] s_assemblies =
    [
        "VirtioGuest.Hal", "VirtioGuest.Pci", "VirtioGuest.Volumes", "VirtioGuest.Commands",
        "VirtioGuest.Drivers.Virtio", "VirtioGuest.Cosmos", "VirtioGuest.Cosmos.Kernel",
    ];

    [Test]
    public void An_assembly_for_Cosmos_keeps_the_rule(
        [ValueSource(nameof(s_assemblies))] string assembly,
        [ValueSource(typeof(SubsetRules), nameof(SubsetRules.All))] SubsetRule rule)
    {
        AssemblyDefinition definition = CompiledAssemblies.Subset(assembly);

        Finding[] findings = [.. definition.MainModule.Types.SelectMany(rule.CheckWithNested)];

        Expect.None([.. findings.Select(finding => $"{finding}; instead: {rule.Instead}")]);
    }

    [TestCaseSource(nameof(s_assemblies))]
    public void An_assembly_for_Cosmos_is_compiled_for_net6(string assembly)
    {
        AssemblyDefinition definition = CompiledAssemblies.Subset(assembly);

        CustomAttribute framework = definition.CustomAttributes.Single(each =>
            each.AttributeType.FullName == "System.Runtime.Versioning.TargetFrameworkAttribute");

        Assert.That(framework.ConstructorArguments[0].Value, Is.EqualTo(".NETCoreApp,Version=v6.0"));
    }

    [Test]
    public void The_exempt_barrier_is_there_and_is_a_full_one()
    {
        AssemblyDefinition hal = CompiledAssemblies.Subset("VirtioGuest.Hal");

        MethodDefinition full = hal.MainModule.GetType("VirtioGuest.Hal.Barriers").Methods
            .Single(method => method.FullName == ForeignBarriers.Exempt);

        Assert.That(full.Body.Instructions.Select(each => each.Callee()).OfType<MethodReference>(),
            Has.Some.Matches<MethodReference>(callee => callee.Is("System.Threading.Interlocked", "MemoryBarrier")));
    }

    [TestCaseSource(typeof(SubsetRules), nameof(SubsetRules.All))]
    public void A_rule_reports_the_violations_made_for_it_and_nothing_else(SubsetRule rule)
    {
        AssemblyDefinition tests = CompiledAssemblies.ThisOne();
        TypeDefinition[] fixtures = [.. tests.MainModule.Types.Where(IsFixture)];

        string[] expected = [.. fixtures.SelectMany(type => Broken(type, rule)).Order(StringComparer.Ordinal)];
        string[] found = [.. fixtures
            .SelectMany(rule.CheckWithNested)
            .Select(finding => Place(finding, expected))
            .Distinct()
            .Order(StringComparer.Ordinal)];

        using (Assert.EnterMultipleScope())
        {
            Assert.That(expected, Is.Not.Empty, $"{rule} has no violation that proves it.");
            Assert.That(found, Is.EqualTo(expected));
        }
    }

    [Test]
    public void Every_rule_is_in_the_list()
    {
        IEnumerable<Type> written = typeof(SubsetRule).Assembly.GetTypes()
            .Where(type => type.IsSubclassOf(typeof(SubsetRule)) && !type.IsAbstract);

        Assert.That(SubsetRules.All.Select(rule => rule.GetType()), Is.EquivalentTo(written));
    }

    [Test]
    public void A_finding_names_type_method_offset_and_objection()
    {
        AssemblyDefinition tests = CompiledAssemblies.ThisOne();
        TypeDefinition fixture = tests.MainModule.GetType(typeof(Divisions).FullName);
        MethodDefinition method = fixture.Methods.Single(each => each.Name == nameof(Divisions.Quotient));
        Instruction division = method.Body.Instructions.Single(each => each.OpCode.Code == Code.Div);

        string[] findings = [.. new SignedWideDivision().Check(fixture).Select(finding => finding.ToString())];

        Assert.That(findings, Has.Member(
            $"{typeof(Divisions).FullName}::Quotient IL_{division.Offset:x4}: divides signed 64-bit numbers"));
    }

    private static bool IsFixture(TypeDefinition type) => type.Namespace == typeof(BreaksAttribute).Namespace;

    /// <summary>The places below a fixture that are marked as breaking a rule.</summary>
    private static IEnumerable<string> Broken(TypeDefinition type, SubsetRule rule)
    {
        if (IsMarked(type, rule))
        {
            yield return type.FullName;
        }

        IEnumerable<IMemberDefinition> members = [.. type.Methods, .. type.Fields, .. type.Events];
        foreach (IMemberDefinition member in members.Where(member => IsMarked(member, rule)))
        {
            yield return $"{type.FullName}::{member.Name}";
        }

        foreach (string nested in type.NestedTypes.SelectMany(nested => Broken(nested, rule)))
        {
            yield return nested;
        }
    }

    private static bool IsMarked(ICustomAttributeProvider place, SubsetRule rule) => place.CustomAttributes.Any(each =>
        each.AttributeType.FullName == typeof(BreaksAttribute).FullName
        && ((TypeReference)each.ConstructorArguments[0].Value).FullName == rule.GetType().FullName);

    /// <summary>The marked type that a finding is in, or else the finding's own member.</summary>
    private static string Place(Finding finding, string[] expected) =>
        expected.FirstOrDefault(place => $"{finding.Type}/".StartsWith($"{place}/", StringComparison.Ordinal))
        ?? (finding.Member is null ? finding.Type : $"{finding.Type}::{finding.Member}");
}
